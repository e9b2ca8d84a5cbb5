import type { TestProject } from 'vitest/node'
import { findTemplates } from './templates.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of a tar file: an embedded database with all migrations, from which those in memory begin. */
    databaseArchive: string
    /** The path of a folder: the same, to be copied. */
    databaseFolder: string
  }
}

/** Tells test files where the templates of the database are. A program of the build makes them. */
export default async function prepare(project: TestProject): Promise<void> {
  const { archive, folder } = await findTemplates()
  project.provide('databaseArchive', archive)
  project.provide('databaseFolder', folder)
}

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
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

/** Prepares what all test files share: the templates of the database, and the build, which tests start as processes. */
export default async function prepare(project: TestProject): Promise<void> {
  await build()
  const { archive, folder } = await findTemplates()
  project.provide('databaseArchive', archive)
  project.provide('databaseFolder', folder)
  project.onTestsRerun(build)
}

/** Compiles only what changed. */
async function build(): Promise<void> {
  await promisify(execFile)('npm', ['run', '--silent', 'prestart'])
}

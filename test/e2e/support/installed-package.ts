import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './command.js'
import { projectFolder } from './folders.js'

export interface InstalledPackage {
  /** Of the project that it was installed into. */
  folder: string
  tarball: string
  sizeBytes: number
  files: readonly { path: string; mode: number }[]
}

/**
 * Installs the package as another project does: `npm pack` of the built project, and Fastify beside it.
 * @param folder an empty one, which becomes that project
 */
export async function installPackage(folder: string, signal: AbortSignal): Promise<InstalledPackage> {
  const npm = async (...words: string[]) => await runCommand('npm', words, { signal })
  const told = await npm('pack', projectFolder, '--ignore-scripts', '--json', '--pack-destination', folder)
  const { filename, size, files } = readPacked(told)
  const tarball = join(folder, filename)
  writeFileSync(join(folder, 'package.json'), '{ "name": "a-service", "private": true, "type": "module" }\n')
  await npm(
    ...['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund'],
    tarball,
    `fastify@${installedFastify()}`,
  )
  return { folder, tarball, sizeBytes: size, files }
}

interface Packed {
  filename: string
  size: number
  files: { path: string; mode: number }[]
}

function readPacked(told: string): Packed {
  // npm 12 names the package where npm 11 lists it.
  const [packed] = Object.values(JSON.parse(told) as Record<string, Packed>)
  if (packed === undefined) throw new Error(`npm pack told of no package: ${told}`)
  return packed
}

/** The newest that this project was tried with. */
function installedFastify(): string {
  const file = join(projectFolder, 'node_modules/fastify/package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './command.js'
import { makeTemporaryFolder, projectFolder } from './folders.js'

/**
 * Installs the package as another project does: `npm pack` of the built project, and Fastify beside it.
 * @returns the folder of that project; who asked for it removes it
 */
export async function installPackage(): Promise<string> {
  const folder = await makeTemporaryFolder('a-service')
  const packed = await npm('pack', projectFolder, '--ignore-scripts', '--json', '--pack-destination', folder)
  writeFileSync(join(folder, 'package.json'), '{ "name": "a-service", "private": true, "type": "module" }\n')
  await npm(
    ...['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund'],
    join(folder, readFileName(packed)),
    `fastify@${installedFastify()}`,
  )
  return folder
}

const npm = async (...words: string[]) => await runCommand('npm', words)

function readFileName(packed: string): string {
  // npm 12 names the package where npm 11 lists it.
  const told: unknown = JSON.parse(packed)
  const [first] = Object.values(told as Record<string, { filename: string }>)
  if (first === undefined) throw new Error(`npm pack told of no package: ${packed}`)
  return first.filename
}

/** The newest that this project was tried with. */
function installedFastify(): string {
  const file = join(projectFolder, 'node_modules/fastify/package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

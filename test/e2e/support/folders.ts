import { mkdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** The root of the checkout, wherever the compiler put this file: the benchmark uses it from `dist/`. */
export const projectFolder = dirname(createRequire(import.meta.url).resolve('#package/package.json'))

/** Logs of everything that a run starts; emptied at the start of the next run. */
export const logsFolder = join(projectFolder, 'test/e2e/logs')

/** Screenshots, one folder for each test file; emptied at the start of the next run. */
export const screenshotsFolder = join(projectFolder, 'test/e2e/screenshots')

/** What is downloaded and unpacked once and kept: `LATCHKEY_CACHE`, default `~/.cache/latchkey`. */
export function openCacheFolder(): string {
  const folder = resolve(process.env.LATCHKEY_CACHE ?? join(homedir(), '.cache/latchkey'))
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Makes an empty folder that only this user may enter; who makes it removes it. */
export async function makeTemporaryFolder(purpose: string): Promise<string> {
  return await mkdtemp(join(tmpdir(), `latchkey-${purpose}-`))
}

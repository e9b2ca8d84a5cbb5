import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './command.js'
import { openCacheFolder } from './folders.js'

export interface Runtime {
  name: string
  program: string
  /** Before the file. */
  args: readonly string[]
}

// Straight the packages that hold the programs: what depends on them fetches them by a script, which npm does not run unasked.
const isArm = process.arch === 'arm64'
const packages = {
  node22: `node-linux-${process.arch}@22.23.3`,
  node24: `node-linux-${process.arch}@24.9.0`,
  deno: `@deno/linux-${process.arch}-glibc@2.9.6`,
  bun: `@oven/bun-linux-${isArm ? 'aarch64' : 'x64'}@1.4.5`,
}

/** The runtimes that `latchkey/client` promises, but for browsers; installed once by npm, and kept. */
export async function requireRuntimes(): Promise<Runtime[]> {
  const folder = join(
    openCacheFolder(),
    `runtimes-${Object.values(packages)
      .join('-')
      .replaceAll(/[^\w.]+/g, '-')}`,
  )
  if (!existsSync(folder)) await install(folder)
  const at = (path: string) => join(folder, 'node_modules', path)
  return [
    { name: `Node ${process.version}`, program: process.execPath, args: [] },
    { name: 'Node 22', program: at('node22/bin/node'), args: [] },
    { name: 'Node 24', program: at('node24/bin/node'), args: [] },
    // The least that it needs: its network, and the variables that are read.
    {
      name: 'Deno',
      program: at('deno/deno'),
      args: ['run', '--no-prompt', '--allow-net=127.0.0.1', `--allow-env=${variables}`],
    },
    { name: 'Bun', program: at('bun/bin/bun'), args: ['run'] },
  ]
}

const variables = 'LATCHKEY_URL,LATCHKEY_API_KEY,LATCHKEY_ODD_URL'

/** Under another name until it is whole, so that a broken installation is not taken for one. */
async function install(folder: string): Promise<void> {
  const partial = `${folder}.partial-${process.pid}`
  await mkdir(partial)
  await writeFile(join(partial, 'package.json'), '{ "private": true }\n')
  const aliases = Object.entries(packages).map(([name, from]) => `${name}@npm:${from}`)
  await runCommand('npm', [
    ...['install', '--prefix', partial, '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact'],
    ...aliases,
  ])
  await rename(partial, folder).catch(() => rm(partial, { recursive: true }))
}

import type { Stats } from 'node:fs'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CommandFailed, exitCodes } from './exit-codes.js'

/**
 * Reads a file that is nobody else's business.
 * @returns null where there is none
 * @throws CommandFailed where it cannot be read, or where others could have read or changed it, as ssh does
 */
export async function readPrivateFile(path: string): Promise<string | null> {
  return reach(path, 'read', async () => {
    const file = await openIfThere(path)
    if (file === null) return null
    try {
      refuseSharedFile(path, await file.stat())
      refuseSharedFolder(dirname(path), await stat(dirname(path)))
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  })
}

/** Replaces the file as a whole or not at all, for its owner alone. @throws CommandFailed */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  await makePrivateFolder(dirname(path))
  await reach(path, 'write', () => writeFileAtomic(path, text, { mode: 0o600 }))
}

/** Also what a killed program left of its writing. @throws CommandFailed */
export async function removePrivateFile(path: string): Promise<void> {
  const folder = dirname(path)
  const isOfThisFile = (name: string) =>
    name.startsWith(`${basename(path)}.`) && /^\d+$/.test(name.slice(basename(path).length + 1))
  await reach(path, 'remove', async () => {
    await rm(path, { force: true })
    const leftovers = (await readdir(folder)).filter(isOfThisFile)
    await Promise.all(leftovers.map((name) => rm(join(folder, name), { force: true })))
  })
}

/** A folder that is there already stays as it is: it may be one that the user chose. @throws CommandFailed */
export async function makePrivateFolder(folder: string): Promise<void> {
  await reach(folder, 'make', () => mkdir(folder, { recursive: true, mode: 0o700 }))
}

async function openIfThere(path: string) {
  try {
    return await open(path)
  } catch (error) {
    if (readCode(error) === 'ENOENT') return null
    throw error
  }
}

/** Windows has no such modes; there the folder of the user's profile is the user's alone. */
const hasModes = process.platform !== 'win32'

function refuseSharedFile(path: string, { mode, uid }: Stats): void {
  if (!hasModes) return
  const own = process.getuid?.() ?? 0
  if (own !== 0 && uid !== own) refuse(`${path} belongs to another user`)
  if ((mode & 0o077) !== 0) refuse(`others may read or change ${path}: chmod 600 '${path}'`)
}

/** Who may write there could put another file in place of this one, but for folders as /tmp (the sticky bit). */
function refuseSharedFolder(folder: string, { mode }: Stats): void {
  if (!hasModes || (mode & 0o1000) !== 0) return
  if ((mode & 0o022) !== 0) refuse(`others may write in ${folder}: chmod 700 '${folder}'`)
}

function refuse(message: string): never {
  throw new CommandFailed(exitCodes.files, message)
}

async function reach<T>(path: string, verb: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const code = readCode(error)
    if (error instanceof CommandFailed || code === undefined) throw error
    throw new CommandFailed(exitCodes.files, `cannot ${verb} ${path} (${code})`)
  }
}

function readCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

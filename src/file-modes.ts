import { chmodSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The permissions of what the service stores. */
export interface FileModes {
  file: number
  folder: number
}

const ofOwner: FileModes = { file: 0o600, folder: 0o700 }
/** On OpenShift the user of a container is any, and its group is 0: the next start may have another user. */
const ofGroup: FileModes = { file: 0o660, folder: 0o770 }

/** Chooses the modes of what lies in a folder: its owner's alone, unless the group 0 may write to the folder. */
export function chooseModes(folder: string): FileModes {
  const { mode, gid } = statSync(folder)
  return gid === 0 && (mode & 0o020) !== 0 ? ofGroup : ofOwner
}

/**
 * Gives a file, or a folder with all that lies in it, these modes.
 * @returns the paths of another owner that stay open to others, or, with modes of the owner alone, all paths of others
 */
export function setModes(path: string, modes: FileModes): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined || found.isSymbolicLink()) return []
  const isFolder = found.isDirectory()
  const wanted = isFolder ? modes.folder : modes.file
  const isSet = (found.mode & 0o777) === wanted || tryChmod(path, wanted)
  const isForeign = process.geteuid !== undefined && found.uid !== process.geteuid()
  const own = isForeign && (!isSet || modes.folder === ofOwner.folder) ? [path] : []
  return isFolder ? [...own, ...listFolder(path).flatMap((name) => setModes(join(path, name), modes))] : own
}

/** @returns false where the file is another user's */
function tryChmod(path: string, mode: number): boolean {
  try {
    chmodSync(path, mode)
    return true
  } catch (error) {
    return ignoreDenied(error, false)
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    return ignoreDenied(error, [])
  }
}

/** @throws anything but that this user may not, and that something was removed just now */
function ignoreDenied<T>(error: unknown, otherwise: T): T {
  if (['EPERM', 'EACCES', 'EROFS', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? ''))
    return otherwise
  throw error
}

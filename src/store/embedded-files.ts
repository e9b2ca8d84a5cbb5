import { closeSync } from 'node:fs'
import type { FileModes } from '../file-modes.js'

/** Follows the files of the embedded database. */
export interface FileHooks {
  /** The modes of all files and folders that it makes. */
  modes: FileModes
  beforeWrite(path: string): void
  onFsync(path: string, file: number): void
}

interface FileStream {
  node: unknown
  nfd: number
}

interface Attributes {
  mode?: number
}

/** Emscripten's file system on the folder. */
export interface NodeFsModule {
  /** The streams of all its file systems. A stream on the folder has a file descriptor of this process. */
  FS: { streams: (Partial<FileStream> | null | undefined)[] }
  NODEFS: {
    node_ops: {
      mknod(parent: unknown, name: string, mode: number, ...rest: unknown[]): unknown
      setattr(node: { mode: number }, attributes: Attributes): void
    }
    stream_ops: {
      setattr(stream: { node: { mode: number } }, attributes: Attributes): void
      write(stream: FileStream, ...rest: unknown[]): number
      fsync?: (stream: FileStream) => number
    }
    realPath(node: unknown): string
    /** Makes an error with a code one that PostgreSQL understands. */
    tryFSOperation(operation: () => void): void
  }
}

/** Calls the hooks, and sets the modes of new files: PostgreSQL asks for 0666, and changes modes after the umask. */
export function hookFiles(files: NodeFsModule['NODEFS'], hooks: FileHooks): void {
  setModesOfMade(files, hooks.modes)
  const write = files.stream_ops.write
  files.stream_ops.write = (stream, ...rest) => {
    files.tryFSOperation(asDiskFailure(() => hooks.beforeWrite(files.realPath(stream.node))))
    return write(stream, ...rest)
  }
  files.stream_ops.fsync = (stream) => {
    files.tryFSOperation(asDiskFailure(() => hooks.onFsync(files.realPath(stream.node), stream.nfd)))
    return 0
  }
}

function setModesOfMade(
  { node_ops: nodes, stream_ops: streams }: NodeFsModule['NODEFS'],
  modes: FileModes,
): void {
  const withMode = (mode: number) => (mode & ~permissionBits) | (isFolder(mode) ? modes.folder : modes.file)
  const { mknod, setattr } = nodes
  const setattrOfStream = streams.setattr
  nodes.mknod = (parent, name, mode, ...rest) => mknod(parent, name, withMode(mode), ...rest)
  nodes.setattr = (node, given) =>
    setattr(node, given.mode === undefined ? given : { ...given, mode: withMode(node.mode) })
  streams.setattr = (stream, given) =>
    setattrOfStream(stream, given.mode === undefined ? given : { ...given, mode: withMode(stream.node.mode) })
}

const permissionBits = 0o777
const isFolder = (mode: number) => (mode & 0o170000) === 0o040000

/** Closes the files of a PostgreSQL that will not do so itself. */
export function closeFiles(streams: NodeFsModule['FS']['streams']): void {
  // Two streams may share a descriptor. After its first close, another file may have the number.
  const files = new Set(streams.map((stream) => stream?.nfd))
  for (const stream of streams) delete stream?.nfd
  for (const file of files) if (file !== undefined) closeSync(file)
}

/** Turns every error into EIO, which PostgreSQL handles as it handles a broken disk. */
function asDiskFailure(operation: () => void): () => void {
  return () => {
    try {
      operation()
    } catch (cause) {
      throw Object.assign(new Error('The disk refused', { cause }), { code: 'EIO' })
    }
  }
}

import { createReadStream } from 'node:fs'
import { CommandFailed, exitCodes } from './exit-codes.js'
import type { Terminal } from './terminal.js'

const maxValueBytes = 4096
const newlineBytes = 2

/**
 * Reads the value of a key, or another secret, from where the process list does not show it.
 * @param path a file or a pipe; `-`: stdin, to its end
 * @param option what named it, for whoever is told of a fault
 * @returns its one line, without the newline
 * @throws CommandFailed when it cannot be read, is empty, has more than a line or 4 KB; it is never quoted
 */
export async function readValueFile(
  path: string,
  { stdin }: Terminal,
  option = '--value-file',
): Promise<string> {
  const fault = (what: string) => new CommandFailed(exitCodes.usage, `what ${option} names ${what}`)
  const bytes = await readBytes(path === '-' ? stdin : createReadStream(path), option)
  const value = decode(bytes)?.replace(/\r?\n$/, '')
  if (value === undefined) throw fault('is no text in UTF-8')
  if (value === '') throw fault('is empty')
  if (/[\r\n]/.test(value)) throw fault('has more than one line')
  if (/\p{Cc}/u.test(value)) throw fault('holds a control character')
  if (Buffer.byteLength(value) > maxValueBytes) throw fault('has more than 4 KB')
  return value
}

async function readBytes(source: AsyncIterable<unknown>, option: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of source) {
      chunks.push(Buffer.from(chunk as Buffer | string))
      bytes += chunks.at(-1)?.length ?? 0
      if (bytes > maxValueBytes + newlineBytes) break
    }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new CommandFailed(exitCodes.files, `what ${option} names cannot be read: ${code}`)
  }
  return Buffer.concat(chunks)
}

function decode(bytes: Buffer): string | undefined {
  try {
    // Also takes away the mark that Windows' editors put in front.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

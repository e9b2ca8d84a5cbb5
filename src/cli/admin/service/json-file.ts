import { createReadStream } from 'node:fs'
import { InexactJson, parseExactJson } from '../../../exact-json.js'
import { CommandFailed, exitCodes } from '../../exit-codes.js'
import type { Terminal } from '../../terminal.js'

/** More than the service takes. */
const maxFileBytes = 1_048_576

/**
 * Reads an object of JSON. What is in it is not looked at: the service names each of its faults.
 * @param path `-`: stdin, to its end
 * @throws CommandFailed when it cannot be read, is larger than 1 MiB, or no object
 */
export async function readJsonObject(path: string, { stdin }: Terminal): Promise<object> {
  const name = path === '-' ? 'stdin' : path
  const text = await readText(path === '-' ? stdin : createReadStream(path), name)
  const value = parse(text, name)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new CommandFailed(exitCodes.usage, `${name} holds no JSON object`)
}

async function readText(source: AsyncIterable<unknown>, name: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of source) {
      const part = Buffer.from(chunk as Buffer | string)
      chunks.push(part)
      bytes += part.length
      if (bytes > maxFileBytes) break
    }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new CommandFailed(exitCodes.files, `${name} cannot be read: ${code}`)
  }
  if (bytes > maxFileBytes) throw new CommandFailed(exitCodes.usage, `${name} is larger than 1 MiB`)
  // Without the mark that Windows' editors put in front.
  return new TextDecoder().decode(Buffer.concat(chunks))
}

function parse(text: string, name: string): unknown {
  try {
    return parseExactJson(text)
  } catch (error) {
    if (error instanceof InexactJson) {
      throw new CommandFailed(exitCodes.usage, `${name} cannot be sent: ${error.path} ${error.message}`)
    }
    // A SyntaxError, which says where the fault is.
    throw new CommandFailed(exitCodes.usage, `${name} is no JSON: ${(error as SyntaxError).message}`)
  }
}

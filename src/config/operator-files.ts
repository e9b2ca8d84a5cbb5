import { readFile } from 'node:fs/promises'
import type { ValidateFunction } from 'ajv'
import type { FastifyError } from 'fastify'
import { InexactJson, parseExactJsonBytes } from '../exact-json.js'
import { summarizeError } from '../log/errors.js'
import { hideShapes } from '../log/shapes.js'
import { describeFault, type InvalidMember } from '../problems/input-faults.js'

/** A JSON file of the operator, and the setting that leads to it. */
export interface DeclaredFile {
  setting: string
  path: string
}

/** What the operator declares cannot be; every fault is told, by its place. Nothing was changed. */
export class DeclarationInvalid extends Error {
  override readonly name = 'DeclarationInvalid'

  /** @param where the setting that leads to the faults */
  constructor(
    where: string,
    readonly faults: readonly string[],
  ) {
    super(`${where} cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
  }
}

/** @throws DeclarationInvalid, with the faults by their paths, as `services.0.prefix` */
export function refuseFaults(file: DeclaredFile, faults: readonly InvalidMember[]): void {
  if (faults.length > 0) throw describeFaults(file, faults)
}

/**
 * Reads a file, and holds it against its schema.
 * @throws DeclarationInvalid for one that cannot be read, is not JSON, or not of that form
 */
export async function readDeclaration<T>(file: DeclaredFile, validate: ValidateFunction<T>): Promise<T> {
  const content = await readJson(file)
  if (validate(content)) return content
  // Ajv's own faults, in the form that Fastify hands on.
  const faults = (validate.errors ?? []) as NonNullable<FastifyError['validation']>
  throw describeFaults(file, withoutRepeats(faults.map((fault) => describeFault(fault, 'file'))))
}

async function readJson(file: DeclaredFile): Promise<unknown> {
  const bytes = await readBytes(file)
  try {
    return parseExactJsonBytes(bytes)
  } catch (error) {
    if (error instanceof InexactJson)
      throw describeFaults(file, [{ path: error.path, message: error.message }])
    // The message of V8 may quote the file.
    const { message } = summarizeError(error as Error)
    throw describeFaults(file, [{ path: '', message: `it is not JSON (${message})` }])
  }
}

async function readBytes(file: DeclaredFile): Promise<Uint8Array> {
  try {
    return await readFile(file.path)
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException
    throw describeFaults(file, [{ path: '', message: `it cannot be read (${code})` }])
  }
}

/** Names of members are quoted, and somebody may have written a credential as one. */
const describeFaults = ({ setting, path: file }: DeclaredFile, faults: readonly InvalidMember[]) =>
  new DeclarationInvalid(
    `${setting} (${file})`,
    faults.map(({ path, message }) => hideShapes(path === '' ? message : `${path} ${message}`)),
  )

/** A value that no alternative takes has a fault for each of them. */
function withoutRepeats(faults: InvalidMember[]): InvalidMember[] {
  const byText = new Map(faults.map((fault) => [`${fault.path} ${fault.message}`, fault]))
  return [...byText.values()]
}

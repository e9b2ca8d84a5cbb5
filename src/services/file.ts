import { readFile } from 'node:fs/promises'
import type { FastifyError } from 'fastify'
import { describeFault, type InvalidMember } from '../errors.js'
import { type ServicesFile, servicesFileSchema } from '../schemas/service.js'
import { createValidator } from '../validation.js'
import { checkDescriptor, type IsOwnAddress } from './descriptor.js'

/** What is declared of groups and services cannot be; every fault is told, by its place. Nothing was changed. */
export class ServicesInvalid extends Error {
  override readonly name = 'ServicesInvalid'

  /** @param where the setting that leads to the faults */
  constructor(
    where: string,
    readonly faults: readonly string[],
  ) {
    super(`${where} cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
  }
}

export const setting = 'SERVICES_FILE'

/** @throws ServicesInvalid, with the faults by their paths, as `services.0.prefix` */
export function refuseFaults(path: string, faults: readonly InvalidMember[]): void {
  if (faults.length === 0) return
  throw new ServicesInvalid(
    `${setting} (${path})`,
    faults.map((fault) => (fault.path === '' ? fault.message : `${fault.path} ${fault.message}`)),
  )
}

const validate = createValidator().compile<ServicesFile>(servicesFileSchema)

/**
 * Reads the file of services and fills in what it leaves out.
 * @throws ServicesInvalid for what is wrong with it, whatever the database holds
 */
export async function readServicesFile(path: string, isOwnAddress: IsOwnAddress): Promise<ServicesFile> {
  const content = await readJson(path)
  if (!validate(content)) {
    // Ajv's own faults, in the form that Fastify hands on.
    const faults = (validate.errors ?? []) as NonNullable<FastifyError['validation']>
    refuseFaults(path, withoutRepeats(faults.map((fault) => describeFault(fault, 'file'))))
    throw new Error('A file without faults is not valid')
  }
  const checked = content.services.map((service) => checkDescriptor(service, isOwnAddress))
  refuseFaults(path, [
    ...findRepeats('groups', 'id', content.groups),
    ...findRepeats('services', 'id', content.services),
    ...findRepeats('services', 'prefix', content.services),
    ...checked.flatMap(({ faults }, at) =>
      faults.map((fault) => ({ ...fault, path: `services.${at}.${fault.path}` })),
    ),
  ])
  return { groups: content.groups, services: checked.map(({ descriptor }) => descriptor) }
}

async function readJson(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException
    throw new ServicesInvalid(`${setting} (${path})`, [`it cannot be read (${code})`])
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ServicesInvalid(`${setting} (${path})`, [`it is not JSON (${(error as Error).message})`])
  }
}

function findRepeats<T extends object>(list: string, member: keyof T & string, entries: readonly T[]) {
  const seen = new Set<unknown>()
  return entries.flatMap((entry, at) => {
    const value = entry[member]
    if (!seen.has(value)) {
      seen.add(value)
      return []
    }
    return [{ path: `${list}.${at}.${member}`, message: `is that of an entry before: ${String(value)}` }]
  })
}

/** A value that no alternative takes has a fault for each of them. */
function withoutRepeats(faults: InvalidMember[]): InvalidMember[] {
  const byText = new Map(faults.map((fault) => [`${fault.path} ${fault.message}`, fault]))
  return [...byText.values()]
}

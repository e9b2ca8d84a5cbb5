import { readDeclaration, refuseFaults } from '../config/operator-files.js'
import { createValidator } from '../http/validation.js'
import { type ServicesFile, servicesFileSchema } from '../schemas/service.js'
import { checkDescriptor, type IsOwnAddress } from './descriptor.js'

export const setting = 'SERVICES_FILE'

const validate = createValidator().compile<ServicesFile>(servicesFileSchema)

/**
 * Reads the file of services and fills in what it leaves out.
 * @throws DeclarationInvalid for what is wrong with it, whatever the database holds
 */
export async function readServicesFile(path: string, isOwnAddress: IsOwnAddress): Promise<ServicesFile> {
  const file = { setting, path }
  const content = await readDeclaration(file, validate)
  const checked = content.services.map((service) => checkDescriptor(service, isOwnAddress))
  refuseFaults(file, [
    ...findRepeats('groups', 'id', content.groups),
    ...findRepeats('services', 'id', content.services),
    ...findRepeats('services', 'prefix', content.services),
    ...checked.flatMap(({ faults }, at) =>
      faults.map((fault) => ({ ...fault, path: `services.${at}.${fault.path}` })),
    ),
  ])
  return { groups: content.groups, services: checked.map(({ descriptor }) => descriptor) }
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

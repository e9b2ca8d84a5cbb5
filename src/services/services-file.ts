import { readDeclaration, refuseFaults } from '../config/operator-files.js'
import { createValidator } from '../http/validation.js'
import { type ServicesFile, servicesFileSchema } from '../schemas/service.js'
import { checkDescriptor, findForbiddenTargets } from './descriptor.js'
import { foldPath } from './match.js'
import type { TargetPolicy } from './types.js'

export const setting = 'SERVICES_FILE'

const validate = createValidator().compile<ServicesFile>(servicesFileSchema)

/**
 * Reads the file of services and fills in what it leaves out.
 * @throws DeclarationInvalid for what is wrong with it, whatever the database holds
 */
export async function readServicesFile(path: string, targets: TargetPolicy): Promise<ServicesFile> {
  const file = { setting, path }
  const content = await readDeclaration(file, validate)
  const checked = content.services.map(checkDescriptor)
  const forbidden = await Promise.all(
    content.services.map((service) => findForbiddenTargets(service, targets, 'file')),
  )
  refuseFaults(file, [
    ...findRepeats('groups', 'id', content.groups),
    ...findRepeats('services', 'id', content.services),
    ...findRepeats('services', 'prefix', content.services, foldPath),
    ...checked.flatMap(({ faults }, at) =>
      [...faults, ...(forbidden[at] ?? [])].map((fault) => ({
        ...fault,
        path: `services.${at}.${fault.path}`,
      })),
    ),
  ])
  return { groups: content.groups, services: checked.map(({ descriptor }) => descriptor) }
}

/** @param fold makes values equal that must not stand side by side. Default: equal ones alone */
function findRepeats<K extends string>(
  list: string,
  member: K,
  entries: readonly { [name in K]: string }[],
  fold = (value: string) => value,
) {
  const seen = new Map<string, string>()
  return entries.flatMap((entry, at) => {
    const value = entry[member]
    const before = seen.get(fold(value))
    seen.set(fold(value), before ?? value)
    if (before === undefined) return []
    const message =
      before === value
        ? `is that of an entry before: ${value}`
        : `reads as that of an entry before: ${value} and ${before}`
    return [{ path: `${list}.${at}.${member}`, message }]
  })
}

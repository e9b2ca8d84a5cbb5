import { refuseFaults } from '../config/operator-files.js'
import type { InvalidMember } from '../problems/input-faults.js'
import type { CreateGroup, ServiceDescriptor, ServicesFile } from '../schemas/service.js'
import * as store from '../store/services.js'
import type { Tx } from '../store/transaction.js'
import { asColumns, readGroup } from './change-group.js'
import { changeEntries, type EntryChange, fileAuthor, findChanges, type ServiceContext } from './context.js'
import { readDescriptor, writeDescriptor } from './descriptor.js'
import { foldPath } from './match.js'
import { readServicesFile, setting } from './services-file.js'

/** What is there, what shall be there, and what stands against it. */
interface Work {
  tx: Tx
  now: Date
  wanted: ServicesFile
  groups: ReadonlyMap<string, store.GroupRow>
  services: ReadonlyMap<string, store.ServiceRow>
  record: (change: EntryChange) => Promise<void>
  faults: InvalidMember[]
}

/**
 * Makes the entries that the file owns what the file says: all of it, or nothing.
 * @returns how many entries were changed; 0 where another replica was faster
 * @throws DeclarationInvalid for the faults of the file, alone or with what is there · StoreUnavailable
 */
export async function applyServicesFile(context: ServiceContext, path: string): Promise<number> {
  const wanted = await readServicesFile(path, context.targets)
  let changes = 0
  await changeEntries(context, fileAuthor, async (tx, record, now) => {
    changes = 0
    const known = await store.readAllEntries(tx)
    const work: Work = {
      ...{ tx, now, wanted, faults: [] },
      groups: new Map(known.groups.map((row) => [row.id, row])),
      services: new Map(known.services.map((row) => [row.id, row])),
      record: (change) => {
        changes += 1
        return record(change)
      },
    }
    findConflicts(work)
    refuseFaults({ setting, path }, work.faults)
    for (const group of wanted.groups) await applyGroup(work, group)
    await removeServices(work)
    refuseFaults({ setting, path }, work.faults)
    await parkMoved(work)
    for (const service of wanted.services) await applyService(work, service)
    await removeGroups(work, context.defaultGroups)
    refuseFaults({ setting, path }, work.faults)
  })
  return changes
}

/** What was made through the API is not the file's to change, nor may it stand in its way. */
function findConflicts({ wanted, groups, services, faults }: Work): void {
  const isForeign = (row: { declaredBy: store.DeclaredBy } | undefined) => row?.declaredBy === 'api'
  const madeByApi = 'is that of an entry that was made through the API'
  const foreignPrefixes = new Map(
    [...services.values()].filter(isForeign).map((row) => [foldPath(row.prefix), row]),
  )
  const groupIds = new Set([
    ...wanted.groups.map(({ id }) => id),
    ...[...groups.values()].filter(isForeign).map(({ id }) => id),
  ])
  for (const [at, { id }] of wanted.groups.entries()) {
    if (isForeign(groups.get(id))) faults.push({ path: `groups.${at}.id`, message: madeByApi })
  }
  for (const [at, { id, prefix, group }] of wanted.services.entries()) {
    const other = foreignPrefixes.get(foldPath(prefix))
    if (isForeign(services.get(id))) faults.push({ path: `services.${at}.id`, message: madeByApi })
    else if (other !== undefined) {
      const is = other.prefix === prefix ? 'is' : 'reads as'
      faults.push({
        path: `services.${at}.prefix`,
        message: `${is} that of ${other.id}, made through the API`,
      })
    }
    if (!groupIds.has(group)) faults.push({ path: `services.${at}.group`, message: 'is no service group' })
  }
}

async function applyGroup({ tx, now, groups, record }: Work, wanted: CreateGroup): Promise<void> {
  const { id, ...details } = wanted
  const row = groups.get(id)
  if (row === undefined) {
    await record({ action: 'group.created', id, details })
    await store.insertGroup(tx, { ...asColumns(wanted), declaredBy: 'file', createdAt: now })
    return
  }
  const changes = findChanges(readGroup(row), wanted)
  if (Object.keys(changes).length === 0) return
  await record({ action: 'group.updated', id, details: changes })
  await store.updateGroup(tx, id, asColumns(wanted))
}

async function applyService({ tx, now, services, record }: Work, wanted: ServiceDescriptor): Promise<void> {
  const { id, ...details } = wanted
  const row = services.get(id)
  if (row === undefined) {
    await record({ action: 'service.created', id, details })
    await store.insertService(tx, { ...writeDescriptor(wanted), declaredBy: 'file', createdAt: now })
    return
  }
  const changes = findChanges(readDescriptor(row), wanted)
  if (Object.keys(changes).length === 0) return
  await record({ action: 'service.updated', id, details: changes })
  await store.updateService(tx, id, writeDescriptor(wanted))
}

/** Two services may change places: none stands on its new prefix while another is still there. */
async function parkMoved({ tx, wanted, services }: Work): Promise<void> {
  for (const { id, prefix } of wanted.services) {
    const row = services.get(id)
    // Not the form of a prefix, so nobody has it.
    if (row !== undefined && row.prefix !== prefix)
      await store.updateService(tx, id, { prefix: `moved:${id}` })
  }
}

async function removeServices({ tx, wanted, services, record, faults }: Work): Promise<void> {
  for (const row of findRemoved(services, wanted.services)) {
    const { id, name, prefix } = readDescriptor(row)
    if (await store.deleteService(tx, id)) {
      await record({ action: 'service.deleted', id, details: { name, prefix } })
    } else faults.push({ path: 'services', message: `no longer has ${id}, which API keys name` })
  }
}

async function removeGroups(
  { tx, wanted, groups, record, faults }: Work,
  defaultGroups: readonly string[],
): Promise<void> {
  for (const { id, name } of findRemoved(groups, wanted.groups)) {
    if (defaultGroups.includes(id)) {
      faults.push({ path: 'groups', message: `no longer has ${id}, which DEFAULT_KEY_GROUPS names` })
    } else if (await store.deleteGroup(tx, id)) {
      await record({ action: 'group.deleted', id, details: { name } })
    } else
      faults.push({ path: 'groups', message: `no longer has ${id}, to which services or API keys refer` })
  }
}

/** The entries of the file that it does not have any more. */
function findRemoved<T extends { id: string; declaredBy: store.DeclaredBy }>(
  rows: ReadonlyMap<string, T>,
  wanted: readonly { id: string }[],
): T[] {
  const kept = new Set(wanted.map(({ id }) => id))
  return [...rows.values()].filter(({ id, declaredBy }) => declaredBy === 'file' && !kept.has(id))
}

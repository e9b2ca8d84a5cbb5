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

/** The entries of the file and of the database, and the faults of the file found so far. */
interface Work {
  tx: Tx
  now: Date
  wanted: ServicesFile
  groups: ReadonlyMap<string, store.GroupRow>
  services: ReadonlyMap<string, store.ServiceRow>
  record: (change: EntryChange) => void
  faults: InvalidMember[]
}

/** An entry to be stored, and its line of the ledger. */
interface Change<T> {
  row: T
  line: EntryChange
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
        record(change)
      },
    }
    findConflicts(work)
    refuseFaults({ setting, path }, work.faults)
    await applyEntries(work, context.defaultGroups, () => refuseFaults({ setting, path }, work.faults))
  })
  return changes
}

/** Changes the entries, each kind of change in one statement, however many entries there are. */
async function applyEntries(work: Work, defaultGroups: readonly string[], refuse: () => void): Promise<void> {
  const { tx, wanted, record } = work
  const changedGroups = listChanges(wanted.groups, (entry) => changeGroup(work, entry))
  const changedServices = listChanges(wanted.services, (entry) => changeService(work, entry))
  const removedGroups = findRemoved(work.groups, wanted.groups)
  const removedServices = findRemoved(work.services, wanted.services)
  await store.lockEntries(tx, {
    groups: [...changedGroups.map(({ row }) => row), ...removedGroups].map(({ id }) => id),
    services: [...changedServices.map(({ row }) => row), ...removedServices].map(({ id }) => id),
  })

  if (changedGroups.length > 0) {
    const rows = changedGroups.map(({ row }) => row)
    await store.putGroups(tx, rows)
  }
  for (const { line } of changedGroups) record(line)
  await removeServices(work, removedServices)
  refuse()
  if (changedServices.length > 0) {
    const rows = changedServices.map(({ row }) => row)
    await store.putServices(tx, rows)
  }
  for (const { line } of changedServices) record(line)
  await removeGroups(work, removedGroups, defaultGroups)
  refuse()
}

function listChanges<E, T>(wanted: readonly E[], change: (entry: E) => Change<T> | null): Change<T>[] {
  return wanted.flatMap((entry) => change(entry) ?? [])
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

/** @returns null for a group that is as the file has it */
function changeGroup({ groups, now }: Work, wanted: CreateGroup): Change<store.GroupRow> | null {
  const { id, ...details } = wanted
  const known = groups.get(id)
  const row = { ...asColumns(wanted), declaredBy: 'file' as const, createdAt: known?.createdAt ?? now }
  if (known === undefined) return { row, line: { action: 'group.created', id, details } }
  const changes = findChanges(readGroup(known), wanted)
  if (Object.keys(changes).length === 0) return null
  return { row, line: { action: 'group.updated', id, details: changes } }
}

/** @returns null for a service that is as the file has it */
function changeService({ services, now }: Work, wanted: ServiceDescriptor): Change<store.NewService> | null {
  const { id, ...details } = wanted
  const known = services.get(id)
  const row = { ...writeDescriptor(wanted), declaredBy: 'file' as const, createdAt: known?.createdAt ?? now }
  if (known === undefined) return { row, line: { action: 'service.created', id, details } }
  const changes = findChanges(readDescriptor(known), wanted)
  if (Object.keys(changes).length === 0) return null
  return { row, line: { action: 'service.updated', id, details: changes } }
}

async function removeServices(
  { tx, record, faults }: Work,
  removed: readonly store.ServiceRow[],
): Promise<void> {
  if (removed.length === 0) return
  const ids = removed.map(({ id }) => id)
  const used = new Set(await store.deleteServices(tx, ids))
  for (const row of removed) {
    const { id, name, prefix } = readDescriptor(row)
    if (used.has(id)) faults.push({ path: 'services', message: `no longer has ${id}, which API keys name` })
    else record({ action: 'service.deleted', id, details: { name, prefix } })
  }
}

async function removeGroups(
  { tx, record, faults }: Work,
  removed: readonly store.GroupRow[],
  defaultGroups: readonly string[],
): Promise<void> {
  if (removed.length === 0) return
  const ids = removed.map(({ id }) => id)
  const used = new Set(await store.deleteGroups(tx, ids))
  for (const { id, name } of removed) {
    if (defaultGroups.includes(id)) {
      faults.push({ path: 'groups', message: `no longer has ${id}, which DEFAULT_KEY_GROUPS names` })
    } else if (used.has(id)) {
      faults.push({ path: 'groups', message: `no longer has ${id}, to which services or API keys refer` })
    } else record({ action: 'group.deleted', id, details: { name } })
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

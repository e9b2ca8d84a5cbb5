import type { Database } from './database.js'
import type { Prisma, Service, ServiceGroup } from './generated/client.js'
import type { JsonObject, KeyPosition } from './keys.js'
import { notify } from './notices.js'
import type { Tx } from './transaction.js'

export type GroupRow = ServiceGroup
export type ServiceRow = Service
export type DeclaredBy = ServiceRow['declaredBy']
export type NewService = Omit<ServiceRow, 'settings'> & { settings: JsonObject }

/** Of PostgreSQL's advisory locks: whoever changes groups and services. */
const registryLock = 72707370

/**
 * Changes groups and services; one such transaction at a time, in all replicas, and they hear of it when it is stored.
 * @param work as of `Database.write`
 */
export const changeRegistry = <T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> =>
  db.write(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${registryLock})`
    return work(tx)
  })

/** Every change of the registry is announced. */
export const notifyRegistry = (tx: Tx): Promise<void> => notify(tx, { services: true })

export interface EntryFilter {
  limit: number
  /** The last entry of the page before. */
  after: KeyPosition | null
}

const newestFirst = [{ createdAt: 'desc' as const }, { id: 'desc' as const }]

const whereAfter = (after: KeyPosition | null) =>
  after === null
    ? {}
    : {
        OR: [{ createdAt: { lt: after.createdAt } }, { createdAt: after.createdAt, id: { lt: after.id } }],
      }

/** Newest first. */
export const listGroups = ({ prisma }: Database, { limit, after }: EntryFilter): Promise<GroupRow[]> =>
  prisma.serviceGroup.findMany({ where: whereAfter(after), orderBy: newestFirst, take: limit })

/** Newest first. */
export const listServices = (
  { prisma }: Database,
  { limit, after, groupId }: EntryFilter & { groupId?: string },
): Promise<ServiceRow[]> =>
  prisma.service.findMany({
    where: { ...whereAfter(after), ...(groupId === undefined ? {} : { groupId }) },
    orderBy: newestFirst,
    take: limit,
  })

export const findGroup = (tx: Tx, id: string): Promise<GroupRow | null> =>
  tx.serviceGroup.findUnique({ where: { id } })

export const findService = (tx: Tx, id: string): Promise<ServiceRow | null> =>
  tx.service.findUnique({ where: { id } })

/** The prefix of every service, enabled or not. */
export const listPrefixes = (tx: Tx): Promise<{ id: string; prefix: string }[]> =>
  tx.service.findMany({ select: { id: true, prefix: true } })

/** All of them, by id: for who holds them against a file. */
export async function readAllEntries(tx: Tx): Promise<{ groups: GroupRow[]; services: ServiceRow[] }> {
  const orderBy = { id: 'asc' as const }
  const groups = await tx.serviceGroup.findMany({ orderBy })
  return { groups, services: await tx.service.findMany({ orderBy }) }
}

export const insertGroup = (tx: Tx, data: GroupRow): Promise<GroupRow> => tx.serviceGroup.create({ data })

export const updateGroup = (
  tx: Tx,
  id: string,
  data: Partial<Omit<GroupRow, 'id' | 'createdAt'>>,
): Promise<GroupRow> => tx.serviceGroup.update({ where: { id }, data })

export const insertService = (tx: Tx, data: NewService): Promise<ServiceRow> => tx.service.create({ data })

export const updateService = (
  tx: Tx,
  id: string,
  data: Partial<Omit<NewService, 'id' | 'createdAt'>>,
): Promise<ServiceRow> => tx.service.update({ where: { id }, data })

/** @returns false, and deletes nothing, while services are in it or keys name it */
export async function deleteGroup(tx: Tx, id: string): Promise<boolean> {
  // First, so that whoever is about to name it is waited for, or finds it gone.
  await tx.$queryRaw`SELECT 1 FROM service_groups WHERE id = ${id} FOR UPDATE`
  const [use] = await tx.$queryRaw<{ used: boolean }[]>`
    SELECT EXISTS (SELECT 1 FROM services WHERE group_id = ${id})
      OR EXISTS (SELECT 1 FROM api_keys WHERE groups @> ARRAY[${id}]) AS used`
  if (use?.used !== false) return false
  await tx.serviceGroup.delete({ where: { id } })
  return true
}

/** @returns false, and deletes nothing, while keys name it */
export async function deleteService(tx: Tx, id: string): Promise<boolean> {
  await tx.$queryRaw`SELECT 1 FROM services WHERE id = ${id} FOR UPDATE`
  const [use] = await tx.$queryRaw<{ used: boolean }[]>`
    SELECT EXISTS (SELECT 1 FROM api_keys WHERE services @> ARRAY[${id}]) AS used`
  if (use?.used !== false) return false
  await tx.service.delete({ where: { id } })
  return true
}

/**
 * Until the transaction ends nobody deletes these groups and services: for who makes a key name them.
 * @returns those that there are none of
 */
export async function holdEntries(
  tx: Tx,
  { groups, services }: { groups: readonly string[]; services: readonly string[] },
): Promise<{ unknownGroups: string[]; unknownServices: string[] }> {
  // In the order of the ids, so that two who hold the same cannot wait for each other.
  const heldGroups =
    groups.length === 0
      ? []
      : await tx.$queryRaw<{ id: string }[]>`
          SELECT id FROM service_groups WHERE id = ANY(${[...groups]}) ORDER BY id FOR SHARE`
  const heldServices =
    services.length === 0
      ? []
      : await tx.$queryRaw<{ id: string }[]>`
          SELECT id FROM services WHERE id = ANY(${[...services]}) ORDER BY id FOR SHARE`
  return { unknownGroups: missing(groups, heldGroups), unknownServices: missing(services, heldServices) }
}

function missing(wanted: readonly string[], held: readonly { id: string }[]): string[] {
  const ids = new Set(held.map(({ id }) => id))
  return wanted.filter((id) => !ids.has(id))
}

/** A service with the limits of its group, as the check needs them. */
export interface RegistryRow {
  id: string
  group_id: string
  prefix: string
  settings: Prisma.JsonObject
  declared_by: DeclaredBy
  limit_per_second: number | null
  limit_per_day: number | null
  limit_per_month: number | null
}

/** Every service, enabled or not, as of one moment. */
export const readRegistry = (db: Database): Promise<RegistryRow[]> =>
  db.query<RegistryRow>({
    name: 'read-registry',
    text: `
SELECT s.id, s.group_id, s.prefix, s.settings, s.origin AS declared_by, g.limit_per_second, g.limit_per_day, g.limit_per_month
FROM services s JOIN service_groups g ON g.id = s.group_id
ORDER BY s.prefix COLLATE "C"`,
    values: [],
  })

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

/** Finds which of these groups exist. */
export async function findGroupIds(tx: Tx, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.serviceGroup.findMany({ select: { id: true }, where: { id: { in: [...ids] } } })
  return new Set(rows.map(({ id }) => id))
}

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

/**
 * Inserts groups, or replaces them by id, all in one statement. An existing group keeps its `declaredBy` and
 * `createdAt`.
 */
export async function putGroups(tx: Tx, rows: readonly GroupRow[]): Promise<void> {
  const records = rows.map(
    ({ limitPerSecond, limitPerDay, limitPerMonth, declaredBy, createdAt, ...row }) => ({
      ...{
        ...row,
        limit_per_second: limitPerSecond,
        limit_per_day: limitPerDay,
        limit_per_month: limitPerMonth,
      },
      ...{ origin: declaredBy, created_at: createdAt },
    }),
  )
  await tx.$executeRaw`
    INSERT INTO service_groups
      (id, name, description, origin, limit_per_second, limit_per_day, limit_per_month, created_at)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb) AS entry (id text, name text,
      description text, origin registry_origin, limit_per_second int, limit_per_day int, limit_per_month int,
      created_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
      limit_per_second = excluded.limit_per_second, limit_per_day = excluded.limit_per_day,
      limit_per_month = excluded.limit_per_month`
}

/** Inserts or replaces services, as `putGroups` does. Services of `rows` may take over the prefixes of one another. */
export async function putServices(tx: Tx, rows: readonly NewService[]): Promise<void> {
  const records = JSON.stringify(
    rows.map(({ groupId, declaredBy, createdAt, ...row }) => ({
      ...{ ...row, group_id: groupId, origin: declaredBy, created_at: createdAt },
    })),
  )
  // PostgreSQL checks the unique index after each row. No prefix may have this form, so it is always free.
  await tx.$executeRaw`
    UPDATE services SET prefix = 'moved:' || services.id
    FROM jsonb_to_recordset(${records}::jsonb) AS entry (id text, prefix text)
    WHERE services.id = entry.id AND services.prefix <> entry.prefix`
  await tx.$executeRaw`
    INSERT INTO services (id, group_id, prefix, origin, settings, created_at)
    SELECT * FROM jsonb_to_recordset(${records}::jsonb) AS entry (id text, group_id text, prefix text,
      origin registry_origin, settings jsonb, created_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET group_id = excluded.group_id, prefix = excluded.prefix,
      settings = excluded.settings`
}

/**
 * Locks groups and services before a transaction changes or deletes them. Takes the order of `holdEntries`, so that the
 * two cannot deadlock.
 */
export async function lockEntries(
  tx: Tx,
  { groups, services }: { groups: readonly string[]; services: readonly string[] },
): Promise<void> {
  await lockGroups(tx, groups)
  await lockServices(tx, services)
}

const lockGroups = (tx: Tx, ids: readonly string[]) =>
  tx.$executeRaw`SELECT 1 FROM service_groups WHERE id = ANY(${[...ids]}) ORDER BY id FOR UPDATE`

const lockServices = (tx: Tx, ids: readonly string[]) =>
  tx.$executeRaw`SELECT 1 FROM services WHERE id = ANY(${[...ids]}) ORDER BY id FOR UPDATE`

/**
 * Deletes all these groups, or none of them.
 * @returns the ids to which services or keys refer; none when the groups were deleted
 */
export async function deleteGroups(tx: Tx, ids: readonly string[]): Promise<string[]> {
  // Before the check, because a transaction that makes a key may hold the group already.
  await lockGroups(tx, ids)
  const used = await tx.$queryRaw<{ id: string }[]>`
    SELECT group_id AS id FROM services WHERE group_id = ANY(${[...ids]})
    UNION
    SELECT named.id FROM api_keys, unnest(groups) AS named (id)
    WHERE groups && ${[...ids]} AND named.id = ANY(${[...ids]})`
  if (used.length === 0) await tx.$executeRaw`DELETE FROM service_groups WHERE id = ANY(${[...ids]})`
  return used.map(({ id }) => id)
}

/**
 * Deletes all these services, or none of them.
 * @returns the ids that keys name; none when the services were deleted
 */
export async function deleteServices(tx: Tx, ids: readonly string[]): Promise<string[]> {
  await lockServices(tx, ids)
  const used = await tx.$queryRaw<{ id: string }[]>`
    SELECT DISTINCT named.id FROM api_keys, unnest(services) AS named (id)
    WHERE services && ${[...ids]} AND named.id = ANY(${[...ids]})`
  if (used.length === 0) await tx.$executeRaw`DELETE FROM services WHERE id = ANY(${[...ids]})`
  return used.map(({ id }) => id)
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

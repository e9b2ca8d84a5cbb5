import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import { asLimitColumns, describeLimits } from '../schemas/limits.js'
import type { CreateGroup, GroupDocument, UpdateGroup } from '../schemas/service.js'
import { deleteGroups, findGroup, type GroupRow, insertGroup, updateGroup } from '../store/services.js'
import { authorOf, changeEntries, findChanges, requireChangeable, type ServiceContext } from './context.js'

/** @throws Problem id_taken */
export const createServiceGroup = (
  context: ServiceContext,
  actor: Actor,
  wanted: CreateGroup,
): Promise<GroupRow> =>
  changeEntries(context, authorOf(actor), async (tx, record, now) => {
    if ((await findGroup(tx, wanted.id)) !== null) throw new Problem('id_taken')
    const { id, ...details } = wanted
    record({ action: 'group.created', id, details })
    return insertGroup(tx, { ...asColumns(wanted), declaredBy: 'api', createdAt: now })
  })

/** @throws Problem not_found · set_by_file */
export const updateServiceGroup = (
  context: ServiceContext,
  actor: Actor,
  id: string,
  { limits, ...wanted }: UpdateGroup,
): Promise<GroupRow> =>
  changeEntries(context, authorOf(actor), async (tx, record) => {
    const row = requireChangeable(await findGroup(tx, id))
    const before = readGroup(row)
    const after = { ...before, ...wanted, limits: { ...before.limits, ...limits } }
    const details = findChanges(before, after)
    if (Object.keys(details).length === 0) return row
    record({ action: 'group.updated', id, details })
    return updateGroup(tx, id, asColumns(after))
  })

/** @throws Problem not_found · set_by_file · in_use while services are in it, or keys or DEFAULT_KEY_GROUPS name it */
export const deleteServiceGroup = (context: ServiceContext, actor: Actor, id: string): Promise<void> =>
  changeEntries(context, authorOf(actor), async (tx, record) => {
    const { name } = requireChangeable(await findGroup(tx, id))
    const isUsed = context.defaultGroups.includes(id) || (await deleteGroups(tx, [id])).length > 0
    if (isUsed) throw new Problem('in_use')
    record({ action: 'group.deleted', id, details: { name } })
  })

/** What a group is, whoever made it and when. */
export const readGroup = (row: GroupRow): CreateGroup => ({
  id: row.id,
  name: row.name,
  description: row.description,
  limits: describeLimits(row),
})

/** The same in the columns of the database. */
export const asColumns = ({ id, name, description, limits }: CreateGroup) => ({
  ...{ id, name, description },
  ...asLimitColumns(limits),
})

/** A group as it is shown. */
export const asGroupDocument = (row: GroupRow): GroupDocument => ({
  ...readGroup(row),
  origin: row.declaredBy,
  created_at: row.createdAt.toISOString(),
})

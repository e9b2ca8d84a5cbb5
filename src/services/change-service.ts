import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import type { ServiceDescriptor, ServiceDocument, UpdateService } from '../schemas/service.js'
import {
  deleteServices,
  findGroup,
  findService,
  insertService,
  listPrefixes,
  type ServiceRow,
  updateService,
} from '../store/services.js'
import type { Tx } from '../store/transaction.js'
import { authorOf, changeEntries, findChanges, requireChangeable, type ServiceContext } from './context.js'
import {
  changeDescriptor,
  checkDescriptor,
  findForbiddenTargets,
  readDescriptor,
  writeDescriptor,
} from './descriptor.js'
import { foldPath } from './match.js'

/** @throws Problem id_taken (the id or the prefix) · in_use (a prefix that reads the same) · target_not_allowed · validation_failed */
export async function createService(
  context: ServiceContext,
  actor: Actor,
  wanted: ServiceDescriptor,
): Promise<ServiceRow> {
  const descriptor = requireSense(wanted)
  await requireAllowedTargets(context, wanted)
  return changeEntries(context, authorOf(actor), async (tx, record, now) => {
    if ((await findService(tx, wanted.id)) !== null) throw new Problem('id_taken')
    await requirePlace(tx, descriptor)
    const { id, ...details } = descriptor
    record({ action: 'service.created', id, details })
    return insertService(tx, { ...writeDescriptor(descriptor), declaredBy: 'api', createdAt: now })
  })
}

/** @throws Problem not_found · set_by_file · id_taken (the prefix) · in_use (one that reads the same) · target_not_allowed · validation_failed */
export async function changeService(
  context: ServiceContext,
  actor: Actor,
  id: string,
  wanted: UpdateService,
): Promise<ServiceRow> {
  // Before the transaction, which must not wait for a name server; and again in it, since another may have come between.
  requireChangeable(await findService(context.db.prisma, id))
  await requireAllowedTargets(context, wanted)
  return changeEntries(context, authorOf(actor), async (tx, record) => {
    const row = requireChangeable(await findService(tx, id))
    const before = readDescriptor(row)
    const after = requireSense(changeDescriptor(before, wanted))
    const details = findChanges(before, after)
    if (Object.keys(details).length === 0) return row
    await requirePlace(tx, after)
    record({ action: 'service.updated', id, details })
    return updateService(tx, id, writeDescriptor(after))
  })
}

/** @throws Problem not_found · set_by_file · in_use while keys name it */
export const removeService = (context: ServiceContext, actor: Actor, id: string): Promise<void> =>
  changeEntries(context, authorOf(actor), async (tx, record) => {
    const { name, prefix } = readDescriptor(requireChangeable(await findService(tx, id)))
    if ((await deleteServices(tx, [id])).length > 0) throw new Problem('in_use')
    record({ action: 'service.deleted', id, details: { name, prefix } })
  })

/** @throws Problem target_not_allowed */
async function requireAllowedTargets({ targets }: ServiceContext, wanted: UpdateService): Promise<void> {
  const [fault] = await findForbiddenTargets(wanted, targets, 'api')
  if (fault !== undefined)
    throw new Problem('target_not_allowed', { detail: `${fault.path} ${fault.message}.` })
}

function requireSense(wanted: ServiceDescriptor): ServiceDescriptor {
  const { descriptor, faults } = checkDescriptor(wanted)
  if (faults.length > 0) throw new Problem('validation_failed', { errors: faults })
  return descriptor
}

/** Its group is there, and its prefix is nobody else's. */
async function requirePlace(tx: Tx, { id, group, prefix }: ServiceDescriptor): Promise<void> {
  if ((await findGroup(tx, group)) === null) {
    throw new Problem('validation_failed', {
      errors: [{ path: 'group', message: 'is no service group' }],
    })
  }
  for (const other of await listPrefixes(tx)) {
    if (other.id === id) continue
    if (other.prefix === prefix) {
      throw new Problem('id_taken', { detail: `The service ${other.id} has this prefix already.` })
    }
    if (foldPath(other.prefix) === foldPath(prefix)) {
      throw new Problem('in_use', {
        detail: `Servers may read this prefix as ${other.prefix}, which the service ${other.id} has. Choose another.`,
      })
    }
  }
}

/** A service as it is shown. */
export const asServiceDocument = (row: ServiceRow): ServiceDocument => ({
  ...readDescriptor(row),
  origin: row.declaredBy,
  created_at: row.createdAt.toISOString(),
})

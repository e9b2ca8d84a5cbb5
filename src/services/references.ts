import type { InvalidMember } from '../problems/input-faults.js'
import { Problem } from '../problems/problem.js'
import { holdEntries } from '../store/services.js'
import type { Tx } from '../store/transaction.js'

/**
 * For who makes a key name groups and services: all of them are there, and nobody deletes one until the transaction
 * ends.
 * @throws Problem validation_failed
 */
export async function requireGroupsAndServices(
  tx: Tx,
  named: { groups: readonly string[]; services: readonly string[] },
): Promise<void> {
  const { unknownGroups, unknownServices } = await holdEntries(tx, named)
  const errors = [
    ...tellUnknown('groups', 'service groups', unknownGroups),
    ...tellUnknown('services', 'services', unknownServices),
  ]
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

const tellUnknown = (path: string, what: string, ids: readonly string[]): InvalidMember[] =>
  ids.length === 0 ? [] : [{ path, message: `names ${what} that are not there: ${ids.join(', ')}` }]

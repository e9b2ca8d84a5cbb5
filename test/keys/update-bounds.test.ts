import { expect, test } from 'vitest'
import type { Actor } from '../../src/audit/actor.js'
import type { Principal } from '../../src/auth/types.js'
import { updateKeyMembers } from '../../src/keys/update.js'
import type { ChangeAnyKey } from '../../src/schemas/admin.js'
import { openOtherReplica } from '../support/other-replica.js'

const principal: Principal = {
  ...({ subject: 'alice-id', login: 'alice', name: null, email: null, kind: 'user' } as const),
  ...{ via: 'session', roles: [], scopes: [], attributes: {}, config: {} },
}
const owner: Actor = { principal, address: '192.0.2.1', requestId: 'test', actingAs: 'owner' }

test.each<[string, ChangeAnyKey]>([
  ['limits', { limits: { per_day: 1_000_000 } }],
  ['scopes', { scopes: ['rspy-user'] }],
  ['groups', { groups: [] }],
  ['services', { services: [] }],
  ['read_only', { read_only: false }],
  ['expires_at', { expires_at: null }],
  ['secret', { secret: 's'.repeat(40) }],
])('an owner cannot change %s, also where a route would take it', async (path, wanted) => {
  const { context } = await openOtherReplica()

  const outcome = updateKeyMembers(context, owner, 'Zk3vQ9aB', { name: 'new', ...wanted })

  await expect(outcome).rejects.toMatchObject({
    code: 'validation_failed',
    details: { errors: [{ path, message: 'is not a known member' }] },
  })
  await context.db.close()
})

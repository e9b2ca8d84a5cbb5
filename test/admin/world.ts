import { randomUUID } from 'node:crypto'
import type { Answer, TestService, TokenWishes } from '../support/service.js'

export { expectInvalid, expectProblem, subjects } from '../keys/requests.js'

export const adminRole = 'latchkey-admin'
/** An administrator's token; she has two rights of her own beside. */
export const administrator: TokenWishes = { claims: { realm_access: { roles: [adminRole, 'rspy-user'] } } }

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT'

/** Shortcuts for what nearly every test of administration asks through the front door; alice is the administrator. */
export function administrationOf(service: () => TestService) {
  const ask = (headers: Record<string, string>, method: Method, url: string, payload?: object) =>
    service().inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
  return {
    async admin(method: Method, url: string, payload?: object): Promise<Answer> {
      return ask(await service().as('alice', administrator), method, url, payload)
    },
    async bob(method: Method, url: string, payload?: object): Promise<Answer> {
      return ask(await service().as('bob'), method, url, payload)
    },
    with: (value: string, method: Method = 'GET', url = '/me', payload?: object): Promise<Answer> =>
      ask({ 'x-api-key': value }, method, url, payload),
    /** Makes a server key through the front door, by default with a name that no other has. */
    async serverKey(wanted: object = {}): Promise<{ id: string; value: string }> {
      const answer = await this.admin('POST', '/admin/api-keys', {
        name: `server ${randomUUID()}`,
        ...wanted,
      })
      if (answer.status !== 201) throw new Error(`The key was not made: ${answer.body}`)
      return answer.json
    },
    /** The lines of the ledger about this, in their order. */
    linesOf: (targetId: string) =>
      service().db.prisma.auditEvent.findMany({ where: { targetId }, orderBy: { id: 'asc' } }),
  }
}

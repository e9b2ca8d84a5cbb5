import type { Answer, TestService } from '../support/service.js'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT'

/** Shortcuts for what tests of the registry ask through the front door. */
export function administratorOf(service: () => TestService) {
  let number = 0
  const newId = (what: string) => `${what}-${++number}`

  async function ask(method: Method, url: string, payload?: unknown): Promise<Answer> {
    return service().inject({
      method,
      url,
      headers: await asAdministrator(service()),
      ...(payload === undefined ? {} : { payload: payload as object }),
    })
  }

  async function make(url: string, payload: object): Promise<Answer['json']> {
    const answer = await ask('POST', url, payload)
    if (answer.status !== 201) throw new Error(`The entry was not made: ${answer.body}`)
    return answer.json
  }

  const aGroup = (wanted: object = {}) =>
    make('/admin/groups', { id: newId('group'), name: 'A group', ...wanted })

  /** In a group of its own unless it says which. */
  async function aService(wanted: { group?: string; [member: string]: unknown } = {}) {
    const id = newId('service')
    const group = wanted.group ?? (await aGroup()).id
    const others = { name: 'A service', prefix: `/${id}`, target: 'http://upstream.test:8080' }
    return make('/admin/services', { id, ...others, ...wanted, group })
  }

  /** A key of a person, as if an administrator had authorised it on these. */
  async function aKeyFor(named: { groups?: string[]; services?: string[] }) {
    const key = await service().createKey('bob')
    await service().db.prisma.apiKey.update({ where: { id: key.id }, data: named })
    return key
  }

  return { ask, aGroup, aService, aKeyFor, newId }
}

export const asAdministrator = (service: TestService) =>
  service.as('alice', { claims: { realm_access: { roles: ['latchkey-admin'] } } })

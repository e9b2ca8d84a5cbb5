import type { ServiceDescriptor } from '../../src/schemas/service.js'
import { asAdministrator } from '../services/administrator.js'
import type { TestService } from './service.js'

export type WantedService = Pick<ServiceDescriptor, 'id' | 'target'> &
  Partial<Omit<ServiceDescriptor, 'access' | 'accept'>> & {
    access?: Partial<ServiceDescriptor['access']>
    accept?: Partial<ServiceDescriptor['accept']>
  }

const group = 'test'

/**
 * Makes these the only services behind the gateway, through the front door and as an administrator; each is at
 * `/<id>` unless it says otherwise.
 */
export async function setServices(service: TestService, ...wanted: WantedService[]): Promise<void> {
  const headers = await asAdministrator(service)
  const { json: present } = await service.inject({ url: '/admin/services', headers })
  for (const { id } of present.items) {
    await service.inject({ method: 'DELETE', url: `/admin/services/${id}`, headers })
  }
  const made = await service.inject({
    method: 'POST',
    url: '/admin/groups',
    headers,
    payload: { id: group, name: 'Test' },
  })
  if (made.status !== 201 && made.status !== 409) throw new Error(`No group was made: ${made.body}`)
  for (const one of wanted) {
    const payload = { name: one.id, group, prefix: `/${one.id}`, ...one }
    const answer = await service.inject({ method: 'POST', url: '/admin/services', headers, payload })
    if (answer.status !== 201) throw new Error(`The service was not made: ${answer.body}`)
  }
}

/** Changes one, as an administrator. */
export async function changeService(
  service: TestService,
  id: string,
  payload: Record<string, unknown>,
): Promise<void> {
  const headers = await asAdministrator(service)
  const answer = await service.inject({ method: 'PATCH', url: `/admin/services/${id}`, headers, payload })
  if (answer.status !== 200) throw new Error(`The service was not changed: ${answer.body}`)
}

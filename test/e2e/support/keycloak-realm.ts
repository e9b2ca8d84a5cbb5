import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askAdmin, type KeycloakAddress } from './keycloak-client.js'

/**
 * Imports `keycloak/realm.json` under a new name, through the admin API, so that a change of the file needs no new
 * snapshot of Keycloak.
 * @param origin of a running Keycloak
 * @param publicOrigin where the issuer is reached. Default: `origin`; another one for a network in front of Keycloak
 */
export async function createRealm(origin: string, publicOrigin = origin): Promise<KeycloakAddress> {
  const realm = `latchkey-${randomUUID()}`
  const file = await readFile(join(import.meta.dirname, 'keycloak/realm.json'), 'utf8')
  const settings = JSON.parse(file.replaceAll('default-roles-latchkey', `default-roles-${realm}`))
  const attributes = publicOrigin === origin ? {} : { frontendUrl: publicOrigin }
  const adminUrl = `${origin}/admin/realms`
  await askAdmin({ adminUrl }, 'POST', '', JSON.stringify({ ...settings, realm, attributes }))
  return { issuer: `${publicOrigin}/realms/${realm}`, adminUrl: `${adminUrl}/${realm}` }
}

import { askAdmin, type KeycloakAddress } from '../support/keycloak-client.js'

/**
 * Makes Keycloak sign with a new key from now on, as an operator does who rotates; the old one is still published.
 * @returns takes it back
 */
export async function rotateSigningKey(
  address: Pick<KeycloakAddress, 'adminUrl'>,
): Promise<() => Promise<void>> {
  const name = `rotated-${crypto.randomUUID()}`
  // Of Keycloak's answers only the ids are relied on.
  const realm = (await askAdmin(address, 'GET', '')) as { id: string }
  const provider = {
    name,
    providerId: 'rsa-generated',
    providerType: 'org.keycloak.keys.KeyProvider',
    parentId: realm.id,
    config: {
      priority: ['1000'],
      enabled: ['true'],
      active: ['true'],
      algorithm: ['RS256'],
      keySize: ['2048'],
    },
  }
  await askAdmin(address, 'POST', '/components', JSON.stringify(provider))
  return async () => {
    const [component] = (await askAdmin(address, 'GET', `/components?name=${name}`)) as { id: string }[]
    if (component !== undefined) await askAdmin(address, 'DELETE', `/components/${component.id}`)
  }
}

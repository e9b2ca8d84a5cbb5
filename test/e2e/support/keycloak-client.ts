/** Of the realm `master`; reachable on loopback only. */
export const KEYCLOAK_ADMIN = { username: 'admin', password: 'admin' }

export interface KeycloakAddress {
  /** `http://127.0.0.1:<port>/realms/<realm>` */
  issuer: string
  /** `http://127.0.0.1:<port>/admin/realms/<realm>` */
  adminUrl: string
}

export interface TokenSet {
  access_token: string
  refresh_token: string
  id_token?: string
  expires_in: number
}

export interface TokenRequest {
  /** Default `latchkey`; `other-service` gets a token that reaches latchkey and may not manage keys; `admin-cli` is Keycloak's own. */
  client?: string
  /** Default `openid`. */
  scope?: string
  /** Default `<person>-pw`. */
  password?: string
}

/** Gets tokens for a person (`alice`, `bob` or one that a test made) by password. */
export async function logInByPassword(
  { issuer }: Pick<KeycloakAddress, 'issuer'>,
  person: string,
  { client = 'latchkey', scope = 'openid', password = `${person}-pw` }: TokenRequest = {},
): Promise<TokenSet> {
  return await askForTokens(issuer, {
    grant_type: 'password',
    client_id: client,
    ...(client === 'latchkey' ? { client_secret: 'latchkey-secret' } : {}),
    username: person,
    password,
    scope,
  })
}

/** Gets a token for the service account of the client `latchkey`. */
export async function logInAsServiceAccount({ issuer }: Pick<KeycloakAddress, 'issuer'>): Promise<TokenSet> {
  return await askForTokens(issuer, {
    grant_type: 'client_credentials',
    client_id: 'latchkey',
    client_secret: 'latchkey-secret',
  })
}

/**
 * Asks Keycloak's admin API as its administrator.
 * @param path below the realm's address, with its slash: `/users?username=bob`
 * @returns the parsed answer, `undefined` when it has no body
 * @throws for every status that is not 2xx
 */
export async function askAdmin(
  { adminUrl }: Pick<KeycloakAddress, 'adminUrl'>,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: string,
): Promise<unknown> {
  const master = new URL('/realms/master', adminUrl).href
  const { access_token } = await askForTokens(master, {
    grant_type: 'password',
    client_id: 'admin-cli',
    ...KEYCLOAK_ADMIN,
  })
  const response = await fetch(`${adminUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`Keycloak: ${method} ${path} gave ${response.status}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** Enables or disables a person, as an operator does in Keycloak's console. */
export async function setEnabled(
  address: Pick<KeycloakAddress, 'adminUrl'>,
  person: string,
  enabled: boolean,
): Promise<void> {
  const id = await requireUserId(address, person)
  await askAdmin(address, 'PUT', `/users/${id}`, JSON.stringify({ enabled }))
}

/** Finds the subject of a person. */
export async function requireUserId(
  address: Pick<KeycloakAddress, 'adminUrl'>,
  person: string,
): Promise<string> {
  const query = new URLSearchParams({ username: person, exact: 'true' })
  // Keycloak's answer to this question is a list of users; nothing else of it is relied on.
  const users = (await askAdmin(address, 'GET', `/users?${query}`)) as { id: string }[]
  const [user] = users
  if (user === undefined) throw new Error(`Keycloak knows no ${person}`)
  return user.id
}

async function askForTokens(issuer: string, form: Record<string, string>): Promise<TokenSet> {
  const response = await fetch(`${issuer}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`Keycloak gave no token (${response.status}): ${text}`)
  // The token endpoint's answer is fixed by RFC 6749 section 5.1.
  return JSON.parse(text) as TokenSet
}

import * as oidc from 'openid-client'
import { pickAttributes, type ReportRole, readFacts } from '../auth/claims.js'
import type { Issuer } from '../auth/issuer.js'
import { type DirectorySource, NotAllowed, type Person } from './source.js'

export interface KeycloakOptions {
  issuer: Issuer
  /** Of the realm's admin API, as `https://keycloak.example.org/admin/realms/platform`, without a slash at its end. */
  adminUrl: string
  clientId: string
  /** Names of the attributes, or of claims of the access token, that are kept of a person. */
  attributes: readonly string[]
  /** Called with each role that is left out of the rights. Default: not reported. */
  reportRole?: ReportRole
}

interface Token {
  value: string
  /** Milliseconds of the monotonic clock. */
  usableUntil: number
}

const pageSize = 1000
const timeoutMs = 3000
/** A token is not used to its very end. */
const tokenReserveSeconds = 10
const rolesNeeded = 'view-users, query-users and view-clients of the client realm-management'

/**
 * Looks people up at Keycloak's admin API, by the service account of this service's own client, which needs the roles
 * view-users, query-users and view-clients. Rights are those that an access token of this client would carry now.
 */
export function createKeycloakDirectory(options: KeycloakOptions): DirectorySource {
  const { issuer, adminUrl, clientId, attributes } = options
  let token: Token | undefined
  let tokenRequest: Promise<string> | undefined
  let clientUuid: string | undefined

  return { listDisabled, find }

  async function listDisabled(signal?: AbortSignal): Promise<Set<string>> {
    const subjects = new Set<string>()
    for (let first = 0; ; first += pageSize) {
      const query = `enabled=false&briefRepresentation=true&first=${first}&max=${pageSize}`
      const page = asList(await requireAnswer(`/users?${query}`, signal))
      for (const user of page) subjects.add(text(user, 'id'))
      if (page.length < pageSize) return subjects
    }
  }

  async function find(subject: string, signal?: AbortSignal): Promise<Person | null> {
    const user = await ask(`/users/${encodeURIComponent(subject)}`, signal)
    if (user === null) {
      // A proxy in front may say 404 as well, and everybody would be gone: the realm itself must answer now.
      if (typeof (await requireAnswer('/users/count', signal)) !== 'number')
        throw new Error('The realm counts no users')
      return null
    }
    if (readMember(user, 'enabled') !== true) return { enabled: false }
    const claims = await generateClaims(subject, signal)
    const { subject: _same, ...facts } = readFacts(
      { ...claims, sub: subject },
      attributes,
      options.reportRole,
    )
    const own = pickAttributes(unwrapSingle(readMember(user, 'attributes')), attributes)
    return { enabled: true, ...facts, attributes: { ...own, ...facts.attributes } }
  }

  /** The claims that an access token of this client would have, through all of its mappers. */
  async function generateClaims(subject: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
    clientUuid ??= await findClient(signal)
    const query = `userId=${encodeURIComponent(subject)}&scope=openid`
    const path = `/clients/${clientUuid}/evaluate-scopes/generate-example-access-token?${query}`
    const claims = await ask(path, signal)
    if (typeof claims === 'object' && claims !== null) return { ...claims }
    // The person was there a moment ago: rather the client was deleted, and perhaps made again.
    clientUuid = undefined
    throw new Error('The identity provider tells no rights of a person whom it has')
  }

  async function findClient(signal?: AbortSignal): Promise<string> {
    const path = `/clients?clientId=${encodeURIComponent(clientId)}`
    const [client] = asList(await requireAnswer(path, signal))
    if (client === undefined)
      throw new NotAllowed(`the client ${clientId} cannot be seen: give it ${rolesNeeded}`)
    return text(client, 'id')
  }

  async function requireAnswer(path: string, signal?: AbortSignal): Promise<unknown> {
    const answer = await ask(path, signal)
    if (answer === null) throw new Error(`Nothing is at ${describeUrl(path)}: is DIRECTORY_URL right?`)
    return answer
  }

  /** @returns the parsed answer; null for 404 */
  async function ask(path: string, signal?: AbortSignal): Promise<unknown> {
    let answer = await send(path, signal)
    if (answer.status === 401) {
      // The token's session may have been ended, as by a restart of the identity provider.
      token = undefined
      await answer.body?.cancel()
      answer = await send(path, signal)
    }
    if (answer.ok) return answer.json()
    await answer.body?.cancel()
    if (answer.status === 404) return null
    if (answer.status === 403) throw new NotAllowed(`the service account lacks roles: give it ${rolesNeeded}`)
    throw new Error(`The identity provider answered ${answer.status} at ${describeUrl(path)}`)
  }

  async function send(path: string, signal?: AbortSignal): Promise<Response> {
    signal?.throwIfAborted()
    const authorization = `Bearer ${await unlessAborted(getToken(), signal)}`
    const timeout = AbortSignal.timeout(timeoutMs)
    return fetch(adminUrl + path, {
      headers: { authorization, accept: 'application/json' },
      redirect: 'error',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
  }

  function describeUrl(path: string): string {
    return adminUrl + path.replace(/\?.*/, '')
  }

  /** One login for all who need its token. */
  function getToken(): Promise<string> {
    if (token !== undefined && performance.now() < token.usableUntil) return Promise.resolve(token.value)
    tokenRequest ??= renewToken().finally(() => {
      tokenRequest = undefined
    })
    return tokenRequest
  }

  async function renewToken(): Promise<string> {
    const { access_token: value, expires_in: seconds = 60 } = await logIn()
    token = { value, usableUntil: performance.now() + (seconds - tokenReserveSeconds) * 1000 }
    return value
  }

  async function logIn() {
    try {
      return await oidc.clientCredentialsGrant(await issuer.configuration())
    } catch (error) {
      if (error instanceof oidc.ResponseBodyError && [400, 401, 403].includes(error.status)) {
        throw new NotAllowed(
          `the client ${clientId} has no service account, or its secret is wrong (${error.error_description ?? error.error})`,
          { cause: error },
        )
      }
      throw error
    }
  }
}

/** Stops waiting for what others wait for too. @throws the reason of the signal */
function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return Promise.race([work, aborted])
}

/** Keycloak's admin API of the realm that the issuer names; undefined for an issuer that names none. */
export function deriveAdminUrl(issuer: string): string | undefined {
  const realm = /\/realms\/([^/]+)\/?$/
  return realm.test(issuer) ? issuer.replace(realm, '/admin/realms/$1') : undefined
}

/** Keycloak keeps every attribute as a list; of those with one value, the value, as a claim would have it. */
function unwrapSingle(attributes: unknown): Record<string, unknown> {
  const entries = Object.entries(typeof attributes === 'object' && attributes !== null ? attributes : {})
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) && value.length === 1 ? value[0] : value]),
  )
}

function asList(answer: unknown): unknown[] {
  if (Array.isArray(answer)) return answer
  throw new Error('The identity provider did not answer with a list')
}

function text(item: unknown, name: string): string {
  const value = readMember(item, name)
  if (typeof value === 'string') return value
  throw new Error(`The identity provider's answer has no ${name}`)
}

const readMember = (item: unknown, name: string): unknown =>
  typeof item === 'object' && item !== null ? Reflect.get(item, name) : undefined

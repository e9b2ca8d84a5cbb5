import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'

type Claims = Record<string, unknown>

/** What the token endpoint answers to the next code. */
export interface FakeTokens {
  idToken?: Claims
  accessToken?: Claims
  /** Of the client that asks. */
  nonce: string
}

/** An identity provider whose every word the test chooses; it shows no pages, the test brings its own codes. */
export interface FakeIssuer {
  /** Settings with which a service asks this one. */
  env: Record<string, string>
  url: string
  /** A code that is good for one exchange. */
  grant(tokens: FakeTokens): string
  /** Any claims at all, signed by its key; `Infinity` as JSON can write it. */
  sign(claims: Claims, header?: Claims): Promise<string>
  /** Forms that the token endpoint was sent. */
  readonly exchanges: URLSearchParams[]
  /** Answers 500 to everything until it is called again with false. */
  fail(fails: boolean): void
  close(): Promise<void>
}

const { privateKey, publicKey } = await generateKeyPair('RS256')

export async function startFakeIssuer(port = 0): Promise<FakeIssuer> {
  const codes = new Map<string, FakeTokens>()
  const exchanges: URLSearchParams[] = []
  let granted = 0
  let fails = false
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  // Listening on TCP, so never a string.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realms/test`

  return {
    url,
    env: { OIDC_ISSUER: url, OIDC_CLIENT_SECRET: 'the secret of the client' },
    exchanges,
    sign,
    grant(tokens) {
      granted += 1
      const code = `code-${granted}-${'c'.repeat(32)}`
      codes.set(code, tokens)
      return code
    },
    fail(now) {
      fails = now
    },
    close: () => close(server),
  }

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const path = (request.url ?? '').replace('/realms/test', '')
    if (fails) return send(response, 500, { error: 'server_error' })
    if (path === '/.well-known/openid-configuration') return send(response, 200, describe(url))
    if (path === '/certs') {
      return send(response, 200, { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' }] })
    }
    if (path !== '/token') return send(response, 404, {})
    const form = new URLSearchParams(await readBody(request))
    exchanges.push(form)
    const code = form.get('code') ?? ''
    const tokens = codes.get(code)
    codes.delete(code)
    if (tokens === undefined) return send(response, 400, { error: 'invalid_grant' })
    return send(response, 200, await issue(tokens))
  }

  async function issue({ idToken = {}, accessToken = {}, nonce }: FakeTokens) {
    const now = Math.floor(Date.now() / 1000)
    const shared = { iss: url, aud: 'latchkey', azp: 'latchkey', iat: now, exp: now + 86_400 }
    return {
      token_type: 'Bearer',
      expires_in: 300,
      id_token: await sign({ ...shared, ...person, typ: 'ID', nonce, ...idToken }),
      access_token: await sign({ ...shared, ...person, typ: 'Bearer', ...accessToken }),
    }
  }
}

const person = { sub: 'carol-id', preferred_username: 'carol', name: 'Carol', email: 'carol@example.test' }

const sign = (claims: Claims, header: Claims = {}) =>
  new CompactSign(new TextEncoder().encode(writeClaims(claims)))
    .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'JWT', ...header })
    .sign(privateKey)

const writeClaims = (claims: Claims) =>
  JSON.stringify(claims, (_name, value) => (value === Number.POSITIVE_INFINITY ? '1e999' : value)).replaceAll(
    '"1e999"',
    '1e999',
  )

const describe = (url: string) => ({
  issuer: url,
  authorization_endpoint: `${url}/auth`,
  token_endpoint: `${url}/token`,
  jwks_uri: `${url}/certs`,
  end_session_endpoint: `${url}/logout`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
  code_challenge_methods_supported: ['S256'],
})

function send(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

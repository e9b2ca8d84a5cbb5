import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** An identity provider that fails as the test wants. */
export interface TestIssuer {
  url: string
  /** What goes wrong from now on, at every endpoint. Default: nothing. */
  fault: 'none' | 'status-500' | 'hang-up' | 'hang' | 'not-json' | 'other-issuer' | 'no-jwks'
  /** How often its documents were asked for. */
  asked: { discovery: number; jwks: number }
  /** An access token as it signs it; undefined claims are left out. */
  token(clock: () => number, claims?: Record<string, unknown>): Promise<string>
  /** Signs with a new key from now on, and no longer tells of the one before. */
  rotate(): Promise<void>
  close(): Promise<void>
}

export async function startIssuer(): Promise<TestIssuer> {
  let { privateKey, jwk } = await makeKey()
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realms/test`

  const issuer: TestIssuer = {
    url,
    fault: 'none',
    asked: { discovery: 0, jwks: 0 },
    token: (clock, claims = {}) => {
      const seconds = Math.floor(clock() / 1000)
      return new SignJWT({
        iss: url,
        sub: 'somebody',
        azp: 'latchkey',
        typ: 'Bearer',
        jti: crypto.randomUUID(),
        iat: seconds,
        exp: seconds + 300,
        preferred_username: 'somebody',
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', kid: jwk.kid ?? '' })
        .sign(privateKey)
    },
    rotate: async () => {
      ;({ privateKey, jwk } = await makeKey())
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer

  function answer(request: IncomingMessage, response: ServerResponse) {
    const isDiscovery = request.url?.endsWith('/openid-configuration') ?? false
    if (isDiscovery) issuer.asked.discovery += 1
    if (request.url?.endsWith('/certs')) issuer.asked.jwks += 1
    const { fault } = issuer
    if (fault === 'hang-up') return void request.socket.destroy()
    if (fault === 'hang') return
    response.setHeader('connection', 'close')
    if (fault === 'status-500') response.statusCode = 500
    if (fault === 'not-json') return void response.end('<html>')
    response.setHeader('content-type', 'application/json')
    if (request.url?.endsWith('/token')) return refuseServiceAccount(response)
    response.end(
      JSON.stringify(isDiscovery ? describe(fault) : { keys: fault === 'no-jwks' ? 'none' : [jwk] }),
    )
  }

  /** Nobody is looked up here. */
  function refuseServiceAccount(response: ServerResponse) {
    response.writeHead(401).end(JSON.stringify({ error: 'unauthorized_client' }))
  }

  function describe(fault: TestIssuer['fault']) {
    return {
      issuer: fault === 'other-issuer' ? `${url}-2` : url,
      authorization_endpoint: `${url}/auth`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/certs`,
    }
  }
}

async function makeKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' }
  return { privateKey, jwk }
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'jose'
import { publicKeyOf } from '../../src/dev/signing-key.js'

/**
 * As much of an identity provider as a service asks of one: its discovery document and its keys.
 * @returns its URL
 */
export async function startIssuer(signingKey: JWK): Promise<string> {
  const server = createServer((request, response) => {
    const isKeys = request.url === '/keys'
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(isKeys ? { keys: [publicKeyOf(signingKey)] } : discovery()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // It listens on TCP.
  const issuer = `http://127.0.0.1:${port}`
  return issuer

  function discovery() {
    return {
      issuer,
      jwks_uri: `${issuer}/keys`,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      response_types_supported: ['code'],
    }
  }
}

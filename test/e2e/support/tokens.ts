import type { FakeIssuer } from '../../support/fake-issuer.js'

/** Headers with an access token of Carol, good for an hour, as the service's own client gets it. */
export async function asCarol(issuer: FakeIssuer): Promise<{ authorization: string }> {
  const now = Math.floor(Date.now() / 1000)
  const token = await issuer.sign({
    iss: issuer.url,
    sub: 'carol-id',
    aud: 'latchkey',
    azp: 'latchkey',
    typ: 'Bearer',
    preferred_username: 'carol',
    iat: now,
    exp: now + 3600,
  })
  return { authorization: `Bearer ${token}` }
}

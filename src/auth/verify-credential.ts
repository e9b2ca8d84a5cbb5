import { type Credential, looksLikeJwt } from './credentials.js'
import { valueOfPair } from './key-shape.js'
import type { Access, AuthOptions, PresentingCall, Verdict } from './types.js'

type Presented = Exclude<Credential, { kind: 'none' | 'malformed' }>

const refused: Verdict = { kind: 'refused' }

/** Makes the one verifier of all credentials: each kind is for one of the verifiers that are given. */
export function createCredentialVerifier({
  keyPrefix,
  verifyKey,
  verifyToken,
  verifyKeyToken = () => refused,
  verifyLink = () => refused,
}: Pick<AuthOptions, 'keyPrefix' | 'verifyKey' | 'verifyToken' | 'verifyKeyToken' | 'verifyLink'>) {
  return (
    credential: Presented,
    address: string,
    call: PresentingCall,
    access: Access,
  ): Verdict | Promise<Verdict> => {
    switch (credential.kind) {
      case 'key':
        return verifyKey(credential.value, address, call, access)
      case 'pair':
        return verifyKey(valueOfPair(credential.id, credential.secret, keyPrefix), address, call, access)
      case 'token': {
        const { token } = credential
        if (!looksLikeJwt(token)) return verifyKey(token, address, call, access)
        return isSignedByKey(token) ? verifyKeyToken(token, address, call) : verifyToken(token, address, call)
      }
      case 'key-token':
        return verifyKeyToken(credential.token, address, call)
      case 'link':
        return verifyLink(credential.token, address, call)
      case 'unreadable':
        return refused
      default:
        return credential satisfies never
    }
  }
}

/** How the headers begin that name an asymmetric algorithm first, as nearly all do: these need not be read. */
const asymmetricStarts = ['RS', 'PS', 'ES', 'EdDSA'].map((algorithm) =>
  // Cut where the next character would begin to show.
  Buffer.from(`{"alg":"${algorithm}`).toString('base64url').slice(0, 13),
)

/**
 * A key signs by HMAC, an issuer never: so the header alone tells which of the two could accept the token, however
 * many claims it has.
 */
function isSignedByKey(token: string): boolean {
  if (asymmetricStarts.some((start) => token.startsWith(start))) return false
  try {
    const header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString())
    return typeof header?.alg === 'string' && header.alg.startsWith('HS')
  } catch {
    return false
  }
}

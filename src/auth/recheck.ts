import type { FastifyRequest } from 'fastify'
import { createCredentialReader } from './credentials.js'
import { decideAccess } from './decide.js'
import type { Access, AuthOptions, Verdict } from './types.js'
import { createCredentialVerifier } from './verify-credential.js'

/** Whether a request that was let in would be let in now; true where nobody can tell. */
export type Recheck = (request: FastifyRequest, access: Access) => boolean | Promise<boolean>

/**
 * The check again, for what takes long: a stream must not outlive the key that opened it. It counts nothing and
 * answers nothing; limits hold for calls, not for how long one takes.
 */
export function createRecheck(options: AuthOptions): Recheck {
  const readCredential = createCredentialReader(options)
  const verifyCredential = createCredentialVerifier(options)

  return (request, access) => {
    const credential = readAgain(request, access)
    if (credential.kind === 'none' || credential.kind === 'malformed') return false
    // By a name of its own in place of the address: what comes from there must not put off the end of this.
    const verdict = verifyCredential(credential, request.id, request, access)
    return verdict instanceof Promise
      ? verdict.then((settled) => stands(settled, request, access))
      : stands(verdict, request, access)
  }

  /** The URL as it was sent: a key in it has been taken out since. */
  function readAgain({ raw, originalUrl, credentialInPath }: FastifyRequest, access: Access) {
    const { url = '' } = raw
    raw.url = originalUrl
    const credential = readCredential(raw, access, credentialInPath)
    raw.url = url
    return credential
  }
}

function stands(verdict: Verdict, request: FastifyRequest, access: Access): boolean {
  if (verdict.kind !== 'accepted') return verdict.kind !== 'refused'
  const { principal, key } = verdict
  const { method, headers, ip: address, params } = request
  const service = access.service ?? null
  const { raw, readings } = request
  const call = { service, method, url: raw.url, readings, headers, address, params }
  return decideAccess(principal, key, access, call) === null
}

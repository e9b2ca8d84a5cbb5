/** Of the routes below the prefix, and of the issuer. */
export const realmPath = '/realms/latchkey'

const protocol = '/protocol/openid-connect'

/** Where the service mounts this room. */
export const embeddedPrefix = '/dev-idp'

/** Keycloak's endpoints, below the issuer. */
export const endpoints = {
  discovery: '/.well-known/openid-configuration',
  authorization: `${protocol}/auth`,
  deviceAuthorization: `${protocol}/auth/device`,
  device: '/device',
  token: `${protocol}/token`,
  jwks: `${protocol}/certs`,
  userinfo: `${protocol}/userinfo`,
  introspection: `${protocol}/token/introspect`,
  revocation: `${protocol}/revoke`,
  endSession: `${protocol}/logout`,
  signIn: '/login-actions/authenticate',
} as const

/** The issuer that the embedded identity provider has when the service is reached at `publicUrl`. */
export function embeddedIssuer(publicUrl: string): string {
  return locate(publicUrl, embeddedPrefix).issuer.href
}

/** All addresses that are written into answers. None ever comes from a request. */
export interface Locations {
  issuer: URL
  /** Where the browser finds the sign-in form of one interaction. */
  signInPath(uid: string): string
  /** The service's own page that begins a login. */
  startAgain: string
  home: string
  origin: string
}

/** @param publicUrl without a trailing slash */
export function locate(publicUrl: string, prefix: string): Locations {
  const issuer = new URL(publicUrl + prefix + realmPath)
  return {
    issuer,
    signInPath: (uid) => `${issuer.pathname}${endpoints.signIn}/${encodeURIComponent(uid)}`,
    startAgain: `${publicUrl}/auth/login`,
    home: `${publicUrl}/`,
    origin: issuer.origin,
  }
}

type OidcProvider = typeof import('oidc-provider')

let loading: Promise<OidcProvider> | undefined

/**
 * Loads oidc-provider when it is first needed, so that a service with a real Keycloak never pays for it.
 * Its notice about Node 20, on which it works, is left out; every other warning is let through.
 */
export function loadProvider(): Promise<OidcProvider> {
  loading ??= importQuietly()
  return loading
}

async function importQuietly(): Promise<OidcProvider> {
  const warn = console.warn
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...args)
  }
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}

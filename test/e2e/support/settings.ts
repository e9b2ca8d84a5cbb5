import type { KeycloakAddress } from './keycloak-client.js'

/** The settings of a service as in production, with a Keycloak and a PostgreSQL. */
export function settingsFor({ issuer }: Pick<KeycloakAddress, 'issuer'>, databaseUrl: string) {
  return {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: 'latchkey',
    OIDC_CLIENT_SECRET: 'latchkey-secret',
    DATABASE_URL: databaseUrl,
    SESSION_SECRET: 'of the end-to-end tests, 32 characters and more',
    KEY_ENCRYPTION_SECRET: 'of the end-to-end tests, 32 characters and more, again',
    EXAMPLE_CATALOG: 'true',
    // The tests log in more often than people do, and make and hold more keys.
    LOGIN_RATE_PER_MINUTE: 'off',
    KEY_CHANGES_PER_HOUR: 'off',
    MAX_KEYS_PER_USER: '200',
  }
}

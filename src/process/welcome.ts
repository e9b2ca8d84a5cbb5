import type { Config } from '../config/load.js'
import { developmentAccounts } from '../dev/index.js'

/**
 * Returns what the start prints for people; null where the log says it all, in production.
 * @param openingUrl opens the documentation as the single user; null: people log in
 */
export function writeWelcome(config: Config, openingUrl: string | null): string | null {
  if (openingUrl !== null) return welcomeOne(config, openingUrl)
  return config.issuer === undefined ? welcomeDeveloper(config) : null
}

/** A key that the operator set is not printed: it outlives this output. A random one stands here and nowhere else. */
function welcomeOne({ publicUrl, gateway, singleUser }: Config, openingUrl: string): string {
  const given = `${publicUrl}/?api_key=$LATCHKEY_SINGLE_USER_API_KEY`
  return `
  Latchkey is ready, for one person: whoever has the key in this URL may do everything.

    Use the following URL: ${singleUser?.apiKey === undefined ? openingUrl : given}

    curl -H 'X-API-Key: YOUR_KEY' ${publicUrl}/catalog/collections
${nameGateway(gateway)}
`
}

const nameGateway = (gateway: Config['gateway']) =>
  gateway === null ? '' : `\n  The gateway for other services listens at ${gateway.publicUrl}\n`

function welcomeDeveloper({ publicUrl, gateway }: Config): string {
  const accounts = developmentAccounts
    .map(({ username, password }) => `${username} / ${password}`)
    .join('   ')
  return `
  Latchkey is ready, with an embedded database and an embedded identity provider (for development only).

    1. Open ${publicUrl}/docs
    2. Log in as ${accounts}
    3. Create a key, then call the example catalogue with it:

       curl -H 'X-API-Key: YOUR_KEY' ${publicUrl}/catalog/collections
${nameGateway(gateway)}
`
}

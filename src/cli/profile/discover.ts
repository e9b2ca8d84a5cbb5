import { trimSlashes } from '../../urls.js'
import { describeCause } from '../cause-code.js'
import { isSafeOnTheWay } from '../destination.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printable } from '../terminal.js'
import { isObject, isText, isUrl, type Profile } from './profiles.js'

const timeoutMs = 10_000

/**
 * Asks a service what it is.
 * @param address as typed
 * @param isInsecure whether plain http may leave this machine
 * @throws CommandFailed where it is no Latchkey, or not to be reached
 * @see RFC 9728
 */
export async function discoverService(address: string, isInsecure: boolean): Promise<Profile> {
  const url = readAddress(address)
  refusePlainHttp(url, isInsecure)
  const metadata = await askMetadata(url)
  const { resource, latchkey_gateway_url: gatewayUrl } = metadata
  // RFC 9728 §3.3: who calls itself otherwise may be somebody in between.
  if (readAddress(resource) !== url) {
    const own = printable(resource)
    throw new CommandFailed(exitCodes.refused, `${url} calls itself ${own}: latchkey profile create ${own}`)
  }
  const login = metadata.latchkey_single_user === true ? null : readLogin(url, metadata)
  if (login !== null) refusePlainHttp(login.issuer, isInsecure)
  return { url, login, gatewayUrl: isUrl(gatewayUrl) ? gatewayUrl : null, isInsecure }
}

/** Without a trailing slash. */
function readAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new CommandFailed(
      exitCodes.usage,
      `${printable(address)} is no URL of a service, as https://keys.example.org is`,
    )
  }
  return trimSlashes(url.href)
}

function refusePlainHttp(url: string, isInsecure: boolean): void {
  if (isInsecure || isSafeOnTheWay(url)) return
  throw new CommandFailed(
    exitCodes.usage,
    `${printable(url)} is plain http: whoever is in between reads tokens and keys (--insecure, if that is nobody)`,
  )
}

async function askMetadata(url: string): Promise<Record<string, unknown> & { resource: string }> {
  const answer = await reach(url)
  const isJson = answer.headers.get('content-type')?.includes('json') === true
  const metadata: unknown = answer.ok && isJson ? await answer.json().catch(() => null) : null
  if (isObject(metadata) && isLatchkey(metadata) && isUrl(metadata.resource)) {
    return { ...metadata, resource: metadata.resource }
  }
  throw new CommandFailed(exitCodes.refused, `${url} is no Latchkey (it answered ${answer.status})`)
}

/** RFC 9728 is for every kind of service. */
const isLatchkey = (metadata: Record<string, unknown>) =>
  'latchkey_cli_client_id' in metadata || 'latchkey_single_user' in metadata

async function reach(url: string): Promise<Response> {
  try {
    return await fetch(`${url}/.well-known/oauth-protected-resource`, {
      headers: { accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (error) {
    throw new CommandFailed(exitCodes.unavailable, `${url} cannot be reached${describeCause(error)}`)
  }
}

function readLogin(url: string, metadata: Record<string, unknown>) {
  const { authorization_servers: issuers, latchkey_cli_client_id: clientId } = metadata
  const [issuer] = Array.isArray(issuers) ? issuers : []
  if (isUrl(issuer) && isText(clientId)) return { issuer, clientId }
  throw new CommandFailed(exitCodes.refused, `${url} does not say who logs people in`)
}

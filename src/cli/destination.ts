import { isLoopback } from '../addresses.js'
import { trimSlashes } from '../urls.js'
import { CommandFailed, exitCodes } from './exit-codes.js'
import { type Profile, type ProfileBook, readProfiles } from './profile/profiles.js'
import type { Terminal } from './terminal.js'

/** The service that a command talks to. */
export interface Destination {
  readonly url: string
  /** What is known of it; null where only the environment names it. */
  readonly known: { readonly name: string; readonly profile: Profile } | null
}

/**
 * What the user means, the nearest first: `--profile`, `LATCHKEY_URL`, `LATCHKEY_PROFILE`, the profile in use.
 * @throws CommandFailed where that is none, or two at once
 */
export async function findDestination(
  terminal: Pick<Terminal, 'env'>,
  options: { profile?: string },
): Promise<Destination> {
  const { LATCHKEY_URL, LATCHKEY_PROFILE } = terminal.env
  const address = LATCHKEY_URL ? readAddress(LATCHKEY_URL) : null
  const book = await readProfiles(terminal)
  const name = options.profile ?? (LATCHKEY_PROFILE || (address === null ? book.inUse : null))
  if (name === null) return address === null ? refuse(describeMissingProfile(book)) : findByUrl(book, address)

  const profile = book.profiles.get(name) ?? refuse(`there is no profile ${name}: ${listNames(book)}`)
  // A key in the environment belongs to the URL beside it, and must not reach another service by a slip.
  if (address !== null && address !== profile.url) {
    refuse(`LATCHKEY_URL names ${address}, and the profile ${name} ${profile.url}: leave out one of them`)
  }
  return { url: profile.url, known: { name, profile } }
}

/** A login serves for `LATCHKEY_URL` too where it is one of that very URL; of several the one in use. */
function findByUrl({ inUse, profiles }: ProfileBook, url: string): Destination {
  const matching = [...profiles].filter(([, profile]) => profile.url === url)
  const found = matching.find(([name]) => name === inUse) ?? matching[0]
  if (found === undefined && !isSafeOnTheWay(url)) {
    refuse(`${url} is plain http, which others read: latchkey profile create ${url} --insecure`)
  }
  return { url, known: found === undefined ? null : { name: found[0], profile: found[1] } }
}

/** Whether nobody on the way to a URL can read what is sent there. */
export function isSafeOnTheWay(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || isLoopback(hostname)
}

/** Written as a profile has it. */
function readAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) refuse('LATCHKEY_URL is no http or https URL')
  // It is not repeated, since that may be a password.
  if (url.username + url.password + url.search + url.hash !== '') {
    refuse('LATCHKEY_URL holds more than where the service is: a user, a query or a fragment')
  }
  return trimSlashes(url.href)
}

function describeMissingProfile({ profiles }: ProfileBook): string {
  return profiles.size === 0
    ? 'there is no profile yet: latchkey profile create <url>'
    : 'no profile is in use: latchkey profile use <name>'
}

function listNames({ profiles }: ProfileBook): string {
  return profiles.size === 0 ? 'there is none yet' : `there is ${[...profiles.keys()].sort().join(', ')}`
}

function refuse(message: string): never {
  throw new CommandFailed(exitCodes.usage, message)
}

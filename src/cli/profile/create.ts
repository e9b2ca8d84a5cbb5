import { findConfigFolder } from '../config-folder.js'
import { findDestination } from '../destination.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printJson } from '../json.js'
import { endLogin } from '../login/end-login.js'
import { adviseLogin, readLogin } from '../login/stored-login.js'
import { print, printable, report, type Terminal } from '../terminal.js'
import { discoverService } from './discover.js'
import { changeProfiles, isProfileName, type Profile, type ProfileBook, readProfiles } from './profiles.js'

interface CreateOptions {
  name?: string
  insecure?: boolean
}

/** Remembers a service, once it has said that it is one. */
export async function createProfile(
  terminal: Terminal,
  address: string,
  options: CreateOptions,
): Promise<void> {
  if (options.name !== undefined && !isProfileName(options.name))
    refuse(`${options.name} is no name: ${nameRule}`)
  const profile = await discoverService(address, options.insecure === true)
  const name = options.name ?? nameAfter(profile)

  const inUse = await changeProfiles(terminal, (book) => {
    const present = book.profiles.get(name)
    if (present !== undefined) {
      refuse(`there is a profile ${name} already, of ${present.url}: give this one another --name`)
    }
    book.profiles.set(name, profile)
    book.inUse ??= name
    return book.inUse
  })
  const next = inUse === name ? adviseLogin({ profile }) : `latchkey profile use ${name}`
  report(terminal, `The profile ${name} stands for ${profile.url}. Next: ${next}`)
}

const nameRule = 'small letters and digits, with . _ - between them, 63 at most'

/** Names a profile after the host. IPv6 addresses hold characters that a name may not. */
function nameAfter({ url }: Profile): string {
  const plain = new URL(url).hostname.replace(/[^a-z0-9._-]+/g, '-')
  const isEdge = (at: number) => !/[a-z0-9]/.test(plain.charAt(at))
  let [start, end] = [0, plain.length]
  while (start < end && isEdge(start)) start += 1
  while (end > start && isEdge(end - 1)) end -= 1
  const name = plain.slice(start, Math.min(end, start + 63))
  return isProfileName(name) ? name : 'service'
}

/** Prints all profiles, by name. */
export async function listProfiles(terminal: Terminal, { json }: { json?: boolean }): Promise<void> {
  const { inUse, profiles } = await readProfiles(terminal)
  const rows = [...profiles]
    .map(([name, { url }]) => ({ name, url, inUse: name === inUse }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
  if (json) return printJson(terminal, rows)
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  for (const row of rows) print(terminal, `${row.inUse ? '*' : ' '} ${row.name.padEnd(width)}  ${row.url}`)
  if (rows.length === 0) report(terminal, 'There is no profile yet: latchkey profile create <url>')
}

/** Makes commands talk to this one. */
export async function useProfile(terminal: Terminal, name: string): Promise<void> {
  const { url } = await changeProfiles(terminal, (book) => {
    const profile = requireProfile(book, name)
    book.inUse = name
    return profile
  })
  report(terminal, `Commands talk to ${url} from now on.`)
}

/** Prints what is known of one. @param name undefined: the one that commands talk to */
export async function showProfile(
  terminal: Terminal,
  name: string | undefined,
  { json }: { json?: boolean },
): Promise<void> {
  const { known } = await findDestination(terminal, name === undefined ? {} : { profile: name })
  if (known === null) return refuse('LATCHKEY_URL names a service that no profile stands for')
  const { profile } = known
  const isLoggedIn = (await readLogin(terminal, known)) !== null
  const facts = {
    name: known.name,
    url: profile.url,
    gateway: profile.gatewayUrl,
    issuer: profile.login?.issuer ?? null,
    client: profile.login?.clientId ?? null,
    loggedIn: isLoggedIn,
    folder: await findConfigFolder(terminal),
  }
  if (json) return printJson(terminal, facts)
  for (const [fact, value] of Object.entries(facts))
    print(terminal, printable(`${fact.padEnd(8)}  ${value ?? '-'}`))
}

/** Logs out there, and forgets the service. */
export async function deleteProfile(terminal: Terminal, name: string): Promise<void> {
  const book = await readProfiles(terminal)
  await endLogin(terminal, { name, profile: requireProfile(book, name) })
  await changeProfiles(terminal, (now) => {
    requireProfile(now, name)
    now.profiles.delete(name)
    if (now.inUse === name) now.inUse = null
  })
  report(terminal, `The profile ${name} is gone.`)
}

function requireProfile({ profiles }: ProfileBook, name: string): Profile {
  return profiles.get(name) ?? refuse(`there is no profile ${name}`)
}

function refuse(message: string): never {
  throw new CommandFailed(exitCodes.usage, message)
}

import { join } from 'node:path'
import { findConfigFolder } from '../config-folder.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { withLock } from '../file-lock.js'
import { readPrivateFile, writePrivateFile } from '../private-files.js'
import { printable, type Terminal } from '../terminal.js'

/** A service that this user talks to, as it said of itself when the profile was made. */
export interface Profile {
  /** Without a trailing slash. */
  readonly url: string
  /**
   * Who logs people in there, and as which client; null where nobody logs in. It never changes: a service cannot have
   * tokens that are stored here sent to somebody else later.
   */
  readonly login: { readonly issuer: string; readonly clientId: string } | null
  /** Where the services behind the gateway are; null: nowhere. */
  readonly gatewayUrl: string | null
  /** Whether keys and tokens may leave this machine over plain http. */
  readonly isInsecure: boolean
}

export interface ProfileBook {
  inUse: string | null
  readonly profiles: Map<string, Profile>
}

/** A name is part of a file's name, everywhere: lower case alone, and nothing that leads elsewhere. */
export const isProfileName = (name: string) => /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)

/** All profiles; none where there is no file yet. @throws CommandFailed where the file is not as this program writes it */
export async function readProfiles(terminal: Pick<Terminal, 'env'>): Promise<ProfileBook> {
  return readBook(await findBook(terminal))
}

/** Gets the profile of that name. @throws CommandFailed where there is none */
export function requireProfile({ profiles }: ProfileBook, name: string): Profile {
  const profile = profiles.get(name)
  if (profile !== undefined) return profile
  throw new CommandFailed(exitCodes.usage, `there is no profile ${name}`)
}

/** Changes the profiles while no other program does. */
export async function changeProfiles<T>(
  terminal: Pick<Terminal, 'env'>,
  change: (book: ProfileBook) => T,
): Promise<T> {
  const path = await findBook(terminal)
  return withLock(path, async () => {
    const book = await readBook(path)
    const result = change(book)
    const { inUse, profiles } = book
    const document = { version: 1, inUse, profiles: Object.fromEntries(profiles) }
    await writePrivateFile(path, `${JSON.stringify(document, null, 2)}\n`)
    return result
  })
}

async function findBook(terminal: Pick<Terminal, 'env'>): Promise<string> {
  return join(await findConfigFolder(terminal), 'profiles.json')
}

async function readBook(path: string): Promise<ProfileBook> {
  const text = await readPrivateFile(path)
  if (text === null) return { inUse: null, profiles: new Map() }
  const book = parseBook(text)
  if (book !== null) return book
  throw new CommandFailed(
    exitCodes.files,
    `${path} is broken: mend it, or remove it and make the profiles again`,
  )
}

function parseBook(text: string): ProfileBook | null {
  const { version, inUse, profiles } = parseObject(text) ?? {}
  if (version !== 1 || !isObject(profiles)) return null
  const entries = Object.entries(profiles)
  if (!entries.every((entry): entry is [string, Profile] => isProfileName(entry[0]) && isProfile(entry[1])))
    return null
  const book = { profiles: new Map(entries) }
  if (inUse === null) return { inUse, ...book }
  return typeof inUse === 'string' && book.profiles.has(inUse) ? { inUse, ...book } : null
}

function isProfile(value: unknown): value is Profile {
  if (!isObject(value)) return false
  const { url, login, gatewayUrl, isInsecure } = value
  return (
    isUrl(url) &&
    (gatewayUrl === null || isUrl(gatewayUrl)) &&
    typeof isInsecure === 'boolean' &&
    (login === null || (isObject(login) && isUrl(login.issuer) && isText(login.clientId)))
  )
}

/** What a file of this program holds; null where it is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** What a terminal would obey is no part of one, though `URL` takes it. */
export const isUrl = (value: unknown): value is string =>
  isText(value) && /^https?:/.test(value) && printable(value) === value && URL.canParse(value)

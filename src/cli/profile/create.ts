import { CommandFailed, exitCodes } from '../exit-codes.js'
import { adviseLogin } from '../login/stored-login.js'
import { report, type Terminal } from '../terminal.js'
import { discoverService } from './discover.js'
import { changeProfiles, isProfileName, type Profile } from './profiles.js'

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

function refuse(message: string): never {
  throw new CommandFailed(exitCodes.usage, message)
}

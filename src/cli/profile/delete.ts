import { endLogin } from '../login/end-login.js'
import { report, type Terminal } from '../terminal.js'
import { changeProfiles, readProfiles, requireProfile } from './profiles.js'

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

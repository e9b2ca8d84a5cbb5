import { report, type Terminal } from '../terminal.js'
import { changeProfiles, requireProfile } from './profiles.js'

/** Makes commands talk to this one. */
export async function useProfile(terminal: Terminal, name: string): Promise<void> {
  const { url } = await changeProfiles(terminal, (book) => {
    const profile = requireProfile(book, name)
    book.inUse = name
    return profile
  })
  report(terminal, `Commands talk to ${url} from now on.`)
}

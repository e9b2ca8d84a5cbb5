import type { Latchkey } from '../client/index.js'
import type { Terminal } from './terminal.js'

/** What every command is given. */
export interface CommandContext {
  readonly terminal: Terminal
  /**
   * A client of the service that `--profile`, `LATCHKEY_URL` or the profile in use names, as whoever is logged in
   * there, or with `LATCHKEY_API_KEY`.
   * @throws CommandFailed when there is no profile, or nobody is logged in
   */
  connect(): Promise<Latchkey>
  /** The same as nobody, without any credential. @throws CommandFailed when no service is named */
  connectAnonymously(): Promise<Latchkey>
}

import { run } from '../../src/cli/program.js'
import { administrator, adminRole } from '../admin/world.js'
import type { TestService } from '../support/service.js'
import { createTerminal, type TerminalWishes } from './terminal.js'

export interface Outcome {
  exitCode: number
  /** What was printed, and what was told beside it. */
  out: string
  told: string
}

/** The command line at that service, with the key of a server that has the role of administrators unless it says which. */
export function commandLineOf(service: () => TestService) {
  let ofAutomation: { service: TestService; value: string } | undefined

  async function administratorsKey(): Promise<string> {
    if (ofAutomation?.service !== service()) {
      const { value } = await aServerKey({ name: 'automation', scopes: [adminRole] })
      ofAutomation = { service: service(), value }
    }
    return ofAutomation.value
  }

  /** Made through the front door. */
  async function aServerKey(wanted: object): Promise<{ id: string; value: string }> {
    const headers = await service().as('alice', administrator)
    const payload = { name: 'a server', ...wanted }
    const answer = await service().inject({ method: 'POST', url: '/admin/api-keys', headers, payload })
    if (answer.status !== 201) throw new Error(`The key was not made: ${answer.body}`)
    return answer.json
  }

  async function latchkey(args: string[], wishes: TerminalWishes & { key?: string } = {}): Promise<Outcome> {
    const { key = await administratorsKey(), ...others } = wishes
    const env = { LATCHKEY_URL: service().url, LATCHKEY_API_KEY: key, ...wishes.env }
    const terminal = createTerminal({ clock: service().clock.now, ...others, env })
    const exitCode = await run(args, terminal, '0.0.0-test')
    return { exitCode, out: terminal.out(), told: terminal.told() }
  }

  return {
    latchkey,
    aServerKey,
    /** `latchkey admin …` with what follows. */
    admin: (...args: string[]) => latchkey(['admin', ...args]),
    /** The same with `--json`, as the program that reads it does. @throws SyntaxError for what is no JSON */
    async json(...args: string[]) {
      const { out, exitCode, told } = await latchkey(['admin', ...args, '--json'])
      if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${told}`)
      return JSON.parse(out)
    },
  }
}

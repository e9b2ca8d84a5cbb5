import { InvalidRequestError, type KeyVerdict, LatchkeyError, UnreachableError } from '../../client/index.js'
import type { VerifyKey } from '../../schemas/verdict.js'
import { describeCause } from '../cause-code.js'
import type { CommandContext } from '../context.js'
import { CommandFailed, type ExitCode, exitCodes } from '../exit-codes.js'
import { printJson } from '../json.js'
import { isWholeValue } from '../key-id.js'
import { omitUndefined } from '../omit-undefined.js'
import { describeEnd, formatTime, renderFacts } from '../table.js'
import { print, printable, type Terminal } from '../terminal.js'
import { readValueFile } from '../value-file.js'
import { endOf, judge } from './judge.js'

export interface CheckOptions {
  readonly value?: string | undefined
  readonly valueFile?: string
  /** Seconds. */
  readonly warn?: number
  readonly method?: string
  readonly service?: string
  readonly scopes?: string[]
  readonly clientIp?: string
  readonly referer?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/**
 * Prints what a value is good for.
 * @throws CommandFailed refused: it is no good; endsSoon; unavailable: nobody can tell, whatever the reason
 */
export async function checkValue(context: CommandContext, options: CheckOptions): Promise<void> {
  const { terminal } = context
  const value = await findValue(options, terminal)
  const client = await context.connectAnonymously()
  const verdict = await ask(client.apiKeys.verify(asQuestion(value, options)))
  const judgement = judge(verdict, options, terminal.clock())
  const end = (exitCode: ExitCode, message: string) =>
    new CommandFailed(exitCode, options.quiet === true ? '' : message)
  if (options.quiet !== true) printVerdict(verdict, options, terminal)
  if (judgement.kind === 'refused') throw end(exitCodes.refused, `refused: ${judgement.reason}`)
  if (judgement.kind === 'ends-soon') throw end(exitCodes.endsSoon, 'it ends soon: renew or rotate the key')
}

async function findValue(
  { value, valueFile, scopes = [] }: CheckOptions,
  terminal: Terminal,
): Promise<string> {
  if (value !== undefined && valueFile !== undefined) {
    throw new CommandFailed(exitCodes.usage, 'name the value or --value-file, not both')
  }
  // They take every word after them: another value would be judged in place of the one that was meant.
  if (scopes.some(isWholeValue)) {
    throw new CommandFailed(exitCodes.usage, 'a value is no scope: name it before --scopes')
  }
  if (valueFile !== undefined) return readValueFile(valueFile, terminal)
  const found = value ?? terminal.env.LATCHKEY_API_KEY
  if (found) return found
  throw new CommandFailed(exitCodes.usage, 'which value? Name --value-file, or set LATCHKEY_API_KEY')
}

const asQuestion = (
  value: string,
  { method, service, scopes, clientIp, referer }: CheckOptions,
): VerifyKey => ({
  value,
  // What is not asked about counts as the worst case: a key that only reads would be refused.
  method: method?.toUpperCase() ?? 'GET',
  ...omitUndefined({ service, scopes, client_ip: clientIp, referer }),
})

/** Whatever is no verdict tells nothing of the value: neither yes nor no. */
async function ask(answer: Promise<KeyVerdict>): Promise<KeyVerdict> {
  try {
    const verdict = await answer
    if (typeof (verdict as Partial<KeyVerdict> | null)?.valid === 'boolean') return verdict
    throw unknown('The answer is none of this service.')
  } catch (error) {
    if (error instanceof InvalidRequestError && error.code === 'validation_failed') {
      const faults = error.errors.map(({ path, message }) => `${path} ${message}`)
      throw new CommandFailed(exitCodes.usage, printable(`the question is invalid: ${faults.join('; ')}`))
    }
    if (error instanceof LatchkeyError || error instanceof UnreachableError) {
      throw unknown(printable(`${error.message}${describeCause(error.cause)} (${error.code})`))
    }
    throw error
  }
}

const unknown = (why: string) =>
  new CommandFailed(exitCodes.unavailable, `nobody can tell now whether the value is good: ${why}`)

function printVerdict(verdict: KeyVerdict, { json }: CheckOptions, terminal: Terminal): void {
  if (json) printJson(terminal, verdict)
  else if (verdict.principal !== undefined) print(terminal, describeVerdict(verdict, terminal.clock()))
}

function describeVerdict(verdict: KeyVerdict, now: number): string {
  const { principal, bounds, limits = [] } = verdict
  return renderFacts({
    // The key of a single user has none.
    key: principal?.key_id || undefined,
    owner: principal && `${principal.login} (${principal.kind})`,
    scopes: principal && (principal.scopes.join(' ') || '-'),
    ends: describeEnd(endOf(verdict), now),
    'read only': bounds?.read_only ? 'yes' : undefined,
    'from addresses': bounds?.allowed_ips?.join(' '),
    'from pages of': bounds?.allowed_referers?.join(' '),
    limits: limits.length === 0 ? undefined : limits.map(describeQuota).join(', '),
  })
}

const describeQuota = ({ of, per, limit, remaining, resets_at: reset }: Quota) =>
  `${remaining} of ${limit} a ${per} remain to the ${of} until ${formatTime(reset)} UTC`

type Quota = NonNullable<KeyVerdict['limits']>[number]

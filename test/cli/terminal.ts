import { PassThrough, Writable } from 'node:stream'
import type { Terminal } from '../../src/cli/terminal.js'

export interface TestTerminal extends Terminal {
  /** What was printed so far. */
  readonly out: () => string
  /** What was told so far. */
  readonly told: () => string
}

export interface TerminalWishes {
  env?: Record<string, string>
  /** What is piped into stdin; default: nothing. */
  input?: string | Buffer
  /** What the user answers at a terminal; without it stdin is none. */
  typed?: string
  /** Of the terminal that stdout is; without it stdout is a pipe. */
  columns?: number
  /** What writing to stdout fails with, as EPIPE. */
  brokenBy?: string
  clock?: () => number
}

/** A terminal that remembers what was written to it. */
export function createTerminal(wishes: TerminalWishes = {}): TestTerminal {
  const { env = {}, input = '', typed, columns, brokenBy, clock = Date.now } = wishes
  const stdin = Object.assign(new PassThrough(), typed === undefined ? {} : { isTTY: true })
  stdin.end(typed ?? input)
  const [stdout, out] = collect(brokenBy)
  const [stderr, told] = collect()
  return {
    env,
    stdin,
    stdout: Object.assign(stdout, columns === undefined ? {} : { isTTY: true, columns }),
    stderr,
    clock,
    out,
    told,
  }
}

function collect(brokenBy?: string): [Writable, () => string] {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      if (brokenBy !== undefined) return done(Object.assign(new Error(brokenBy), { code: brokenBy }))
      text += chunk
      done()
    },
  })
  return [stream, () => text]
}

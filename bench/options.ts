import { parseArgs } from 'node:util'
import type { RunOptions } from './section.js'

/** What the command line asks for. */
export type Asked =
  | { kind: 'help'; text: string }
  | {
      kind: 'run'
      /** In the order in which they were named. */
      parts: string[]
      amounts: RunOptions
      /** Whether a missed target is a failure. */
      checks: boolean
      /** Whether the results are written over the last ones: by default only when all amounts are the default ones. */
      writes: boolean
    }

/** The command line cannot be followed; the message says why, in one sentence. */
export class WrongOption extends Error {
  override readonly name = 'WrongOption'
}

const defaults = { blocks: '4', rounds: '4', requests: '8000', keys: '100,10000,1000000' }

/**
 * Reads the command line.
 * @param args without the program
 * @param parts there are; all of them are run by default
 * @param command as it is called, and how many keys it stores by default
 * @throws WrongOption
 */
export function readOptions(
  args: readonly string[],
  parts: readonly string[],
  { name, keys } = { name: 'npm run bench', keys: defaults.keys },
): Asked {
  const amountsByDefault = { ...defaults, keys }
  const { help, only, check, write, ...counts } = parse(args, amountsByDefault)
  if (help) return { kind: 'help', text: describeOptions(name, parts, amountsByDefault) }
  const chosen = only?.split(',') ?? [...parts]
  for (const part of chosen) {
    if (!parts.includes(part)) throw new WrongOption(`There is no part ${part}, only ${parts.join(', ')}`)
  }
  const amounts = {
    blocks: readCount('blocks', counts.blocks),
    rounds: readCount('rounds', counts.rounds),
    requests: readCount('requests', counts.requests),
    keys: counts.keys.split(',').map((count) => readCount('keys', count)),
  }
  if (amounts.keys.some((count, at) => count <= (amounts.keys[at - 1] ?? 0))) {
    throw new WrongOption('--keys goes from few to many')
  }
  const isMeasurement = Object.entries(amountsByDefault).every(
    ([name, value]) => Reflect.get(counts, name) === value,
  )
  return { kind: 'run', parts: chosen, amounts, checks: check, writes: write || isMeasurement }
}

function parse(args: readonly string[], amounts: typeof defaults) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        only: { type: 'string' },
        blocks: { type: 'string', default: amounts.blocks },
        rounds: { type: 'string', default: amounts.rounds },
        requests: { type: 'string', default: amounts.requests },
        keys: { type: 'string', default: amounts.keys },
        check: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
      },
    }).values
  } catch (cause) {
    // What follows in Node's message is advice for programs that take arguments of any name.
    const [sentence = ''] = (cause as Error).message.split(/\.\s/)
    throw new WrongOption(`${sentence}; --help tells the options`, { cause })
  }
}

function readCount(name: string, text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1) throw new WrongOption(`--${name} takes whole numbers from 1 on`)
  return count
}

const describeOptions = (
  name: string,
  parts: readonly string[],
  amounts: typeof defaults,
) => `${name} -- [options]

  --only PARTS      of ${parts.join(',')}; all by default
  --check           fails when a target is missed
  --blocks COUNT    with new processes each; ${amounts.blocks} by default
  --rounds COUNT    of each block; ${amounts.rounds} by default
  --requests COUNT  of each round; ${amounts.requests} by default
  --keys COUNTS     that are stored, from few to many; ${amounts.keys} by default
  --write           keeps the results in bench/ although amounts are not the default ones
`

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkSync } from 'recheck'
import { parseSync } from 'vite'
import { expect, test } from 'vitest'
import { findCredential } from '../src/auth/find-credential.js'
import { settings } from '../src/config/settings.js'
import { createLineRedactor, redactUrl } from '../src/log/redaction.js'
import { trimSlashes } from '../src/urls.js'

const src = fileURLToPath(new URL('../src', import.meta.url))

interface Expression {
  /** Where it stands, for the message of a failure. */
  where: string
  source: string
  flags: string
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.includes('generated/'),
)
const nodes = files.flatMap((file) =>
  listNodes(parseSync(file, readFileSync(join(src, file), 'utf8')).program).map((node) => ({ file, node })),
)

type Node = Record<string, unknown>

function listNodes(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(listNodes)
  if (typeof value !== 'object' || value === null) return []
  return [value as Node, ...Object.values(value).flatMap(listNodes)]
}

const literals = nodes.flatMap(({ file, node }): Expression[] => {
  if (node.type !== 'Literal' || typeof node.regex !== 'object' || node.regex === null) return []
  const { pattern, flags } = node.regex as { pattern: string; flags: string }
  return [{ where: file, source: pattern, flags }]
})

/** Expressions that are made while the service runs, each as it is made from the default settings. */
const constructed: Expression[] = [
  { where: 'log/redaction.ts', source: '(lk_[0-9a-z]{8}_)[0-9a-z]{8,}', flags: 'gi' },
]

/** The `pattern` of every schema, which Ajv holds against what clients send. Those that are built come from the modules. */
const schemas: Expression[] = [
  ...nodes.flatMap(({ file, node }) => readPattern(file, node)),
  ...(
    await Promise.all(
      files
        .filter((file) => file.startsWith('schemas/'))
        .map(async (file) => listPatterns(file, await import(join(src, file)))),
    )
  ).flat(),
  ...listPatterns('config/settings.ts', settings),
]

/** A member `pattern: '…'`, wherever it stands. */
function readPattern(where: string, { type, key, value }: Node): Expression[] {
  const isPattern = type === 'Property' && Object(key).name === 'pattern'
  const source = Object(value).value
  return isPattern && typeof source === 'string' ? [{ where, source, flags: 'u' }] : []
}

function listPatterns(where: string, value: unknown): Expression[] {
  if (typeof value !== 'object' || value === null) return []
  const { pattern } = value as { pattern?: unknown }
  const own = typeof pattern === 'string' ? [{ where, source: pattern, flags: 'u' }] : []
  return [...own, ...Object.values(value).flatMap((member) => listPatterns(where, member))]
}

const unique = new Map(
  [...literals, ...constructed, ...schemas].map((one) => [`/${one.source}/${one.flags}`, one]),
)

/**
 * Bounds the search by characters alone. The defaults also measure time: a match that waits for the processor for a
 * quarter of a second counts as a slow one, and makes a safe expression vulnerable.
 */
const recheckLimits = { attackTimeout: null, incubationTimeout: null, seedingTimeout: null, timeout: 120_000 }

test('every regular expression of src takes linear time, whatever it is held against', {
  // recheck searches for the worst input of each, which takes minutes on a busy machine.
  timeout: 600_000,
}, () => {
  const slow = [...unique].flatMap(([text, { where, source, flags }]) => {
    const { status } = checkSync(source, flags, recheckLimits)
    return status === 'safe' ? [] : [`${where} ${text}: ${status}`]
  })

  expect(literals.length).toBeGreaterThan(90)
  expect(schemas.length).toBeGreaterThan(10)
  expect(slow).toEqual([])
})

test('every expression that is made while the service runs is among those that are checked', () => {
  const made = nodes.filter(({ node }) => {
    const { name } = Object(node.callee) as { name?: unknown }
    return (node.type === 'NewExpression' || node.type === 'CallExpression') && name === 'RegExp'
  })

  expect(made.map(({ file }) => file).sort()).toEqual(constructed.map(({ where }) => where).sort())
})

/** What a stranger may send, at the size that a request or a service's document may have. */
const hostileTexts = {
  'the beginning of a token, again and again': 'eyJ'.repeat(21_000),
  'tokens without an end': 'eyJ--------'.repeat(6000),
  'parts of tokens': 'eyJ--------.'.repeat(5000),
  'parts that are no tokens': 'a.'.repeat(32_000),
  'slashes, and something else at the end': `${'/'.repeat(64_000)}x`,
  'the names of schemes': 'Bearer '.repeat(9000),
  'spaces after a scheme': `Bearer${' '.repeat(64_000)}`,
  'runs almost as long as a secret': `${'a'.repeat(48)}/`.repeat(1300),
  'runs as long as a secret in base64': `${'a1'.repeat(35)}.`.repeat(900),
  'the beginning of userinfo': '//a@'.repeat(16_000),
  'escapes of other kinds': '\\u005f&#095;%c1%9f'.repeat(3000),
  'the beginning of a key': 'lk_aaaaaaaa_'.repeat(5000),
  'parts of a hundred headers': `${`${'eyJ'.repeat(100)}.`.repeat(210)}a.b`,
  'runs of hex': `${'a1'.repeat(1000)}/`.repeat(32),
  'runs that mix letters and digits': `${'aB1'.repeat(13)}/`.repeat(1600),
  'references of HTML': '&#38;#95;'.repeat(7000),
  'members of semicolons': `/?${'a;'.repeat(32_000)}`,
}

/** Quadratic time would be seconds; a slow and busy machine needs a tenth of this. */
const linearCpuMs = 100

test.each(Object.entries(hostileTexts))('%s takes linear time to redact', (_name, text) => {
  const redact = createLineRedactor('lk')
  redact(text)

  expect(leastCpuMs(() => redact(text))).toBeLessThan(linearCpuMs)
  expect(leastCpuMs(() => redactUrl(text))).toBeLessThan(linearCpuMs)
  expect(leastCpuMs(() => trimSlashes(text))).toBeLessThan(linearCpuMs)
})

test.each(Object.entries(hostileTexts))('%s takes linear time to search for credentials', (_name, text) => {
  findCredential(text)

  expect(leastCpuMs(() => findCredential(text))).toBeLessThan(linearCpuMs)
})

/** The best of some runs: others may be slowed down by the garbage collector. */
function leastCpuMs(work: () => unknown): number {
  const runs = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...runs)
}

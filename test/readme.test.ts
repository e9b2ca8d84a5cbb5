import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { settings } from '../src/config/settings.js'
import { problemKinds } from '../src/problems/catalogue.js'

const pathOf = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const read = (path: string) => readFileSync(pathOf(path), 'utf8')
const readme = read('README.md')
const example = read('.env.example')

interface Described {
  default?: unknown
  description?: string
}

const defaultOf = (setting: Described) =>
  setting.default === undefined ? '' : `\`${String(setting.default)}\``

/** Whatever README says of a failure, by the first cell of its row, and the tests of the linked file that show it. */
const proofs: Record<string, string[]> = {
  'PostgreSQL stops, hangs, or takes seconds': [
    'when the database %s, keys in use and tokens go on, the rest is told within a second to wait',
  ],
  'PostgreSQL is away at the start': ['a database that %s is told in one sentence without its password'],
  'Keycloak stops or hangs': [
    'what is known of owners serves for DIRECTORY_MAX_STALE_SECONDS, then nobody can tell',
  ],
  'the same, for OAuth2 tokens': [
    'known signing keys go on serving for an hour, then nobody can tell',
    'a key that is not known is neither accepted nor refused',
  ],
  'Keycloak is away at the start': [
    'the service starts, and says that the issuer is missing',
    'a token cannot be judged, and is neither accepted nor refused',
    'all is well as soon as Keycloak answers',
  ],
  'Keycloak changes its signing keys': [
    'a token of a key that Keycloak has just begun to sign with is accepted within 35 s',
  ],
  'an owner is disabled or deleted in Keycloak': [
    'keys of someone who is disabled are refused within the bound, in use and idle, and revive',
    'the key of someone who is deleted is refused within the bound',
  ],
  'the service account is missing': [
    'what the last login told serves, no key may live for ever, and the start says why',
  ],
  'a replica loses the connection that hears of changes': [
    'a connection that was ended is replaced at once, in a new epoch, and nobody is refused meanwhile',
    'with no place for that connection the silence grows, and all else goes on',
  ],
  'a replica is killed': [
    'embedded, has lost and undone nothing that it had acknowledged',
    'on PostgreSQL, has lost and undone nothing that it had acknowledged',
    'outlives the crash of its PostgreSQL, and nothing acknowledged is lost or undone',
  ],
  'a replica is asked to end (SIGTERM)': [
    'embedded, cuts no request off and leaves no call uncounted',
    'on PostgreSQL, cuts no request off and leaves no call uncounted',
  ],
  'the disk of the embedded database is full': [
    'keys are checked, changes are 503 and leave nothing behind, and all is well once there is room',
  ],
  'Redis stops, hangs, or comes back empty': [
    'a Redis that is killed under load and comes back empty gives no call twice',
    'a Redis that is frozen under load gives no call twice and no 5xx',
    'where it is told so, calls are refused while Redis is away, and go on exactly when it is back',
    'a replica that never met Redis has no share, says so, and joins when Redis is there',
  ],
  'a service behind the gateway stops, or is slow': [
    'a service killed under load is 502 until it is back, nothing hangs, and no other is affected',
  ],
  'Latchkey is away, for services with `latchkey/auth`': [
    'Latchkey killed: keys in use and tokens go on, unknown keys are 503; back, all work again',
  ],
}

/** The rows of the table of failures: what fails, and the file of the tests that it links to. */
const failures = (readme.split('| what fails |')[1]?.split('\n\n')[0] ?? '')
  .split('\n')
  .slice(2)
  .map((line) => ({
    failure: line.split(' | ')[0]?.slice(2) ?? '',
    file: line.match(/\]\((.+)\) \|$/)?.[1] ?? '',
  }))

/** Of a test file, with those beside it that it takes its tests from. */
function readTests(file: string): string {
  const text = read(file)
  const parts = [...text.matchAll(/from '(\.[^']+)\.js'/g)].map(([, part]) =>
    join(dirname(file), `${part}.ts`),
  )
  return [text, ...parts.map(read)].join('\n')
}

function tableBelow(heading: string): string[] {
  const section = readme.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section.split('\n').filter((line) => line.startsWith('| `'))
}

test('the table of settings tells every setting, its default and its meaning', () => {
  const rows = Object.entries(settings as Record<string, Described>).map(
    ([name, setting]) => `| \`${name}\` | ${defaultOf(setting)} | ${setting.description} |`,
  )

  expect(tableBelow('Settings')).toEqual(rows)
})

test('the table of errors tells every code, its status and its text', () => {
  const rows = Object.entries(problemKinds).map(
    ([code, { status, detail }]) => `| \`${code}\` | ${status} | ${detail} |`,
  )

  expect(tableBelow('Errors')).toEqual(rows)
})

test('the table of failures tells those that tests show, and no others', () => {
  expect(failures.map(({ failure }) => failure)).toEqual(Object.keys(proofs))
})

test.each(failures)('what README says of "$failure" is seen in $file', ({ failure, file }) => {
  const tests = readTests(file)

  expect(proofs[failure]?.filter((sentence) => !tests.includes(`'${sentence}'`))).toEqual([])
})

test('.env.example holds every setting with its default, commented out', () => {
  const lines = example.split('\n').filter((line) => /^# [A-Z_]+=/.test(line))

  expect(lines).toEqual(
    Object.entries(settings as Record<string, Described>).map(
      ([name, { default: value }]) => `# ${name}=${value === undefined ? '' : String(value)}`,
    ),
  )
})

test('.env.example turns nothing on', () => {
  expect(example.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
})

test('the two commands for newcomers are the ones that README shows', () => {
  expect(readme).toContain('npm ci && npm start')
  expect(readme).toContain('npm ci && npm test')
})

const rooms = readdirSync(pathOf('src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `src/${name}`)

describe.each([...rooms, 'bench', 'examples/stac-catalog', 'test/soak'])('the README of %s', (folder) => {
  const text = read(`${folder}/README.md`)

  test('names every file of it', () => {
    const files = readdirSync(pathOf(folder)).filter(
      (file) => file.endsWith('.ts') && !file.includes('config'),
    )

    expect(files.filter((file) => !text.includes(`\`${file}\``))).toEqual([])
  })

  test('has no row of a file that is not there', () => {
    const named = text
      .split('\n')
      .flatMap((line) => line.match(/^\| `[^|]+/)?.[0].match(/[\w./-]+\.ts/g) ?? [])

    expect(named.filter((file) => !existsSync(pathOf(join(folder, file))))).toEqual([])
  })
})

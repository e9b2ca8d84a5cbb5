import { copyFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { ask, type NewKey, newName } from './journeys/people.js'
import { runCommand } from './support/command.js'
import { requireInstalledPackage } from './support/environment.js'
import { projectFolder } from './support/folders.js'
import { type OddService, startOddService } from './support/odd-service.js'
import { requireRuntimes } from './support/runtimes.js'
import { type Service, startService } from './support/service.js'

// The package as `npm pack` makes it and npm installs it into an empty folder.
let installed: Awaited<ReturnType<typeof requireInstalledPackage>>
let latchkey: Service
let odd: OddService
let key: NewKey

beforeAll(async () => {
  ;[installed, latchkey, odd] = await Promise.all([
    requireInstalledPackage('client'),
    startService(),
    startOddService(),
  ])
  key = await createKey()
})
afterAll(async () => {
  await odd?.close()
  await latchkey?.stop()
})

async function createKey(): Promise<NewKey> {
  const { cookie } = await logIn(latchkey, 'alice')
  const answer = await ask(`${latchkey.url}/api-keys`, {
    method: 'POST',
    headers: { cookie, origin: latchkey.url, 'content-type': 'application/json' },
    body: JSON.stringify({ name: newName() }),
  })
  expect(answer).toMatchObject({ status: 201 })
  // The answer of a creation, as the contract fixes it.
  return answer.body as NewKey
}

const environment = () => ({
  PATH: process.env.PATH,
  LATCHKEY_URL: latchkey.url,
  LATCHKEY_API_KEY: key.value,
})
const bin = (name: string) => join(projectFolder, 'node_modules/.bin', name)

describe('what is packed', () => {
  test('publint finds nothing', async () => {
    const found = await runCommand(bin('publint'), [installed.tarball, '--strict'])

    expect(found).toContain('All good!')
  })

  test('no importer of ECMAScript modules gets wrong types', async () => {
    const found = await runCommand(bin('attw'), [
      installed.tarball,
      '--profile',
      'esm-only',
      '--format',
      'json',
    ])

    const { analysis } = JSON.parse(found)
    expect(Object.keys(analysis.entrypoints).sort()).toEqual(['./auth', './client'])
    for (const { resolutions } of Object.values<Entrypoint>(analysis.entrypoints)) {
      expect(resolutions['node16-esm']?.resolution).toMatchObject({ isTypeScript: true })
      expect(resolutions.bundler?.resolution).toMatchObject({ isTypeScript: true })
    }
  })

  test('is what runs and what types it, in less than a megabyte', () => {
    const paths = installed.files.map(({ path }) => path)

    expect(paths).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/src/cli/main.js']),
    )
    expect(paths.filter((path) => !isMeant(path))).toEqual([])
    expect(installed.sizeBytes).toBeLessThan(1_000_000)
  })
})

interface Entrypoint {
  resolutions: Record<string, { resolution?: { isTypeScript: boolean } } | undefined>
}

const isMeant = (path: string) =>
  [
    /^(LICENSE|README\.md|package\.json)$/,
    /^dist\/(src|examples)\/.+\.(js|d\.ts)$/,
    /^examples\/stac-catalog\/\w+\.json$/,
    /^prisma\/migrations\/.+\.(sql|toml)$/,
  ].some((pattern) => pattern.test(path))

describe('the command', () => {
  test('stands on the path, and may be run', async () => {
    const { mode } = await stat(join(installed.folder, 'node_modules/latchkey/dist/src/cli/main.js'))
    const help = await runCommand(join(installed.folder, 'node_modules/.bin/latchkey'), ['--help'])

    expect(mode & 0o111).toBe(0o111)
    expect(help).toContain('Usage: latchkey')
  })

  test('is of the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(projectFolder, 'package.json'), 'utf8'))

    const told = await runCommand(join(installed.folder, 'node_modules/.bin/latchkey'), ['--version'])

    expect(told).toBe(`${version}\n`)
  })

  test('asks the service with a key of the environment', async () => {
    const told = await runCommand(
      join(installed.folder, 'node_modules/.bin/latchkey'),
      ['whoami', '--json'],
      {
        env: environment(),
      },
    )

    expect(JSON.parse(told)).toMatchObject({ login: 'alice', via: 'api-key', key_id: key.id })
  })
})

describe('latchkey/client', () => {
  test('needs nothing at run time but itself', async () => {
    const files = installed.files
      .map(({ path }) => path)
      .filter((path) => /^dist\/src\/client\/.*\.js$/.test(path))
    const imports = await Promise.all(
      files.map((file) => listImports(join(installed.folder, 'node_modules/latchkey', file))),
    )

    expect(files.length).toBeGreaterThan(5)
    expect(imports.flat().length).toBeGreaterThan(5)
    expect(imports.flat().filter((name) => !/^\.\/[\w-]+\.js$/.test(name))).toEqual([])
  })

  test('does the same in every runtime', async () => {
    const file = join(installed.ownFolder, 'try-client.mjs')
    await copyFile(join(import.meta.dirname, 'support/try-client.mjs'), file)

    const seen: Record<string, unknown> = {}
    for (const { name, program, args } of await requireRuntimes()) {
      odd.reset()
      const printed = await runCommand(program, [...args, file], {
        cwd: installed.ownFolder,
        env: { ...environment(), HOME: installed.ownFolder, LATCHKEY_ODD_URL: odd.url },
      })
      expect(printed, name).not.toContain(key.value)
      seen[name] = JSON.parse(printed)
    }

    expect(Object.keys(seen)).toHaveLength(5)
    for (const [name, what] of Object.entries(seen)) expect(what, name).toEqual(expected)
  })

  test.each(['dom', 'node'])('is typed by itself, with the library of %s', async (library) => {
    await writeFile(join(installed.ownFolder, 'typed.ts'), typed)
    const compilerOptions = {
      ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
      ...{ module: 'nodenext', target: 'es2023', lib: library === 'dom' ? ['es2023', 'dom'] : ['es2023'] },
      ...{
        types: library === 'node' ? ['node'] : [],
        typeRoots: [join(projectFolder, 'node_modules/@types')],
      },
    }
    await writeFile(
      join(installed.ownFolder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['typed.ts'] }),
    )

    const complaints = await runCommand(bin('tsc'), ['-p', installed.ownFolder]).catch(
      (error: Error) => error.message,
    )

    expect(complaints).toBe('')
  })
})

describe('the program of README', () => {
  test('runs as it stands, and says what to do where the key is refused', async () => {
    const readme = await readFile(join(projectFolder, 'README.md'), 'utf8')
    const [program = ''] = /(?<=```ts\n)import \{ Latchkey[^`]*/.exec(readme) ?? []
    await writeFile(join(installed.ownFolder, 'readme.mjs'), program)
    const run = (apiKey: string) =>
      runCommand(process.execPath, [join(installed.ownFolder, 'readme.mjs')], {
        env: { ...environment(), LATCHKEY_API_KEY: apiKey },
      })

    const printed = await run(key.value)
    const refused = await run(`${key.value}x`)

    expect(program.trim().split('\n')).toHaveLength(11)
    expect(printed).toMatch(/^alice \[[\s\S]*collections: \[/)
    expect(refused).toBe('')
  })
})

const listImports = async (file: string) =>
  [...(await readFile(file, 'utf8')).matchAll(/(?:^|[;\s])(?:import|from)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    ([, name]) => name ?? '',
  )

const expected = {
  login: 'alice',
  collections: 3,
  wrongKey: 'NotAuthenticatedError invalid_credential 401',
  noLogin: 'ForbiddenError login_required 403',
  redirect: 'UnexpectedAnswerError unexpected_answer 307',
  page: 'UnexpectedAnswerError unexpected_answer 200',
  away: 'UnavailableError unexpected_answer 503',
  again: 'alice',
  agent: 'latchkey-client',
  aborted: 'AbortError 20',
  late: 'UnreachableError unreachable',
  unreachable: 'UnreachableError unreachable',
  elsewhere: 'TypeError undefined',
}

const typed = `
import { Latchkey, LatchkeyError } from 'latchkey/client'
const latchkey = new Latchkey({ url: 'https://keys.example.org', apiKey: null })
const made = await latchkey.apiKeys.create({ name: 'x', note: undefined }, { signal: AbortSignal.timeout(9) })
export const value: string = made.value
for await (const { id, usage } of latchkey.apiKeys.list({ status: 'active' })) console.log(id, usage.total + 1)
await latchkey.admin.apiKeys.create({ name: 'x', limits: { per_day: 3 } })
const answer: Response = await latchkey.fetch('/x', { headers: { accept: 'text/plain' } })
console.log(answer.status, new LatchkeyError('x', 1, 'y').code)
// @ts-expect-error: no such status
latchkey.apiKeys.list({ status: 'good' })
// @ts-expect-error: a key has a name
latchkey.apiKeys.create({})
// @ts-expect-error: no client sets the id of a person's key
latchkey.apiKeys.create({ name: 'x', id: 'y' })
// @ts-expect-error: a list shows no value
latchkey.apiKeys.show('x').then(({ value }) => value)
// @ts-expect-error: a redirect is never followed
latchkey.fetch('/x', { redirect: 'follow' })
`

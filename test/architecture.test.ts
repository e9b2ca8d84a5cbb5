import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')

/** Who may import whom, as src/README.md tells it; a room may always import itself. */
const mayImport = new Map(
  readFileSync(join(src, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, place = '', , allowed = ''] = line.split('|').map((cell) => cell.trim())
      return [roomOfName(place), allowed.match(/`[^`]+`/g)?.map(roomOfName) ?? []] as const
    }),
)

function roomOfName(name: string): string {
  return name.replaceAll('`', '').replace(/\/$|\.ts$/g, '')
}

/** `keys/verify.ts` is of the room `keys`, `app.ts` of the room `app`. */
const roomOf = (file: string) => relative(src, file).split('/')[0]?.replace(/\.ts$/, '') ?? ''

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated/'))
  .map((file) => join(src, file))

const importsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'|import\('(\.[^']+)'\)/g)].map(([, plain, lazy]) =>
    resolve(dirname(file), (plain ?? lazy ?? '').replace(/\.js$/, '.ts')),
  )

test('every room of src is in the table, and the table names no other', () => {
  expect([...mayImport.keys()].sort()).toEqual([...new Set(files.map(roomOf))].sort())
})

test.each(files.map((file) => relative(root, file)))('%s imports only what its room may', (file) => {
  const room = roomOf(join(root, file))
  const allowed = mayImport.get(room) ?? []
  const foreign = importsOf(join(root, file))
    .filter((target) => target.startsWith(src))
    .map(roomOf)
    .filter((target) => target !== room && !allowed.includes(target) && !allowed.includes('everything'))

  expect(foreign).toEqual([])
})

test('only the service itself imports examples', () => {
  const importers = files.filter((file) =>
    importsOf(file).some((target) => target.startsWith(join(root, 'examples'))),
  )

  expect(importers.map(roomOf)).toEqual(['app'])
})

test.each(['@prisma/client', './generated/client.js', 'pg'])('only store imports %s', (name) => {
  const importers = files.filter((file) =>
    new RegExp(`from '[^']*${name.replaceAll('.', '\\.')}'`).test(readFileSync(file, 'utf8')),
  )

  expect([...new Set(importers.map(roomOf))]).toEqual(name === '@prisma/client' ? [] : ['store'])
})

test('only the settings, the command line and the client read the environment', () => {
  const readers = files.filter((file) =>
    /process\??\.env|\benv\b.*= process$/m.test(readFileSync(file, 'utf8')),
  )

  expect(readers.map((file) => relative(src, file)).sort()).toEqual([
    'cli/main.ts',
    'client/environment.ts',
    'config.ts',
  ])
})

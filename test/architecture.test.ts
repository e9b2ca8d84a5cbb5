import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')

interface Import {
  target: string
  isTypeOnly: boolean
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.includes('generated/'))
  .map((file) => join(src, file))

const textOf = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
const importsOf = new Map(files.map((file) => [file, readImports(file)]))

function readImports(file: string): Import[] {
  const statements =
    /^(?:import|export) (?:(type )?([\w*\s{},]*?) ?from )?'(\.[^']+)'|import\('(\.[^']+)'\)/gm
  return [...(textOf.get(file) ?? '').matchAll(statements)].map(([, type, names = '', from, lazy]) => ({
    target: resolve(dirname(file), (from ?? lazy ?? '').replace(/\.js$/, '.ts')),
    isTypeOnly: type !== undefined || isListOfTypes(names),
  }))
}

function isListOfTypes(names: string): boolean {
  const listed =
    /^\{([^}]*)\}/
      .exec(names)?.[1]
      ?.split(',')
      .filter((name) => name.trim() !== '') ?? []
  return listed.length > 0 && listed.every((name) => name.trim().startsWith('type '))
}

/** `keys/verify.ts` is in the room `keys`, `app.ts` in the room `app`. */
const roomOf = (file: string) => relative(src, file).split('/')[0]?.replace(/\.ts$/, '') ?? ''

/** The imports that `src/README.md` allows, by room: `auth` for all of a room, `auth (types)` for its types alone. */
const allowedTo = new Map(
  readFileSync(join(src, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, place = '', , allowed = ''] = line.split('|').map((cell) => cell.trim())
      const rooms = allowed.match(/`[^`]+`(?: \(types\))?/g) ?? []
      const name = place.replaceAll('`', '').replace(/\/$|\.ts$/, '')
      return [name, new Set(rooms.map((room) => room.replaceAll('`', '')))] as const
    }),
)

function mayImport(room: string, { target, isTypeOnly }: Import): boolean {
  const allowed = allowedTo.get(room) ?? new Set()
  const other = roomOf(target)
  if (other === room || allowed.has('everything') || allowed.has(other)) return true
  return isTypeOnly && allowed.has(`${other} (types)`)
}

const nameOf = (file: string) => relative(src, file)

test('the table of src/README.md names every room of src, and no other', () => {
  expect([...allowedTo.keys()].sort()).toEqual([...new Set(files.map(roomOf))].sort())
})

test('every file imports only what the row of its room allows', () => {
  const offenders = files.flatMap((file) =>
    (importsOf.get(file) ?? [])
      .filter(({ target }) => target.startsWith(src))
      .filter((imported) => !mayImport(roomOf(file), imported))
      .map(({ target }) => `${nameOf(file)} → ${nameOf(target)}`),
  )

  expect(offenders).toEqual([])
})

test('every row of the table allows only what some file of the room imports', () => {
  const imported = new Set(
    files.flatMap((file) =>
      (importsOf.get(file) ?? []).map(({ target }) => `${roomOf(file)} → ${roomOf(target)}`),
    ),
  )
  const unused = [...allowedTo].flatMap(([room, allowed]) =>
    [...allowed]
      .map((entry) => `${room} → ${entry.replace(' (types)', '')}`)
      .filter((line) => !line.endsWith(' → everything') && !imported.has(line)),
  )

  expect(unused).toEqual([])
})

test('no files import each other in a circle, types included', () => {
  const circles: string[] = []
  const done = new Set<string>()
  for (const file of files) visit(file, [])

  expect(circles).toEqual([])

  function visit(file: string, path: readonly string[]): void {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].map(nameOf).join(' → '))
      return
    }
    if (done.has(file)) return
    for (const { target } of importsOf.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
})

test('no file has more than 350 lines', () => {
  const long = [...textOf].filter(([, text]) => text.split('\n').length > 351)

  expect(long.map(([file]) => nameOf(file))).toEqual([])
})

test('only the service itself imports examples', () => {
  const importers = files.filter((file) =>
    importsOf.get(file)?.some(({ target }) => target.startsWith(join(root, 'examples'))),
  )

  expect(importers.map(nameOf)).toEqual(['dev/example-catalog.ts'])
})

test.each(['@prisma/client', './generated/client.js', 'pg'])('only store imports %s', (name) => {
  const importers = [...textOf].filter(([, text]) =>
    new RegExp(`from '[^']*${name.replaceAll('.', '\\.')}'`).test(text),
  )

  const rooms = new Set(importers.map(([file]) => roomOf(file)))
  expect([...rooms]).toEqual(name === '@prisma/client' ? [] : ['store'])
})

test('only the settings, the command line and the client read the environment', () => {
  const readers = [...textOf].filter(([, text]) => /process\??\.env|\benv\b.*= process$/m.test(text))

  expect(readers.map(([file]) => nameOf(file)).sort()).toEqual([
    'cli/main.ts',
    'client/environment.ts',
    'config/load.ts',
  ])
})

import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))

/** What is loaded before a command is known: imports that are neither of types alone nor made on demand. */
const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type )[^']*? from '([^']+)'/gms)].map(
    ([, name = '']) => name,
  )

function loadedFrom(file: string, seen = new Set<string>()): Set<string> {
  for (const name of importsOf(file)) {
    const target = name.startsWith('.') ? resolve(dirname(file), name.replace(/\.js$/, '.ts')) : name
    if (seen.has(target)) continue
    seen.add(target)
    if (name.startsWith('.')) loadedFrom(target, seen)
  }
  return seen
}

test('before a command is known, commander is loaded and no other package', () => {
  const packages = [...loadedFrom(`${src}/cli/main.ts`)].filter((name) => !/^\/|^node:/.test(name))

  expect(packages).toEqual(['commander'])
})

test('before a command is known, nothing is loaded of other rooms but what needs no package', () => {
  const files = [...loadedFrom(`${src}/cli/main.ts`)].filter((name) => name.startsWith('/'))

  expect(files.map((file) => relative(src, file)).filter((file) => !file.startsWith('cli/'))).toEqual([
    'schemas/key-statuses.ts',
    'addresses.ts',
  ])
})

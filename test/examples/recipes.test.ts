import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '../../examples/recipes')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const page = read('README.md')
const recipes = readdirSync(folder).filter((name) => name !== 'README.md')

test('the page of recipes tells of some', () => {
  expect(recipes.length).toBeGreaterThan(5)
})

test.each(recipes)('the page of recipes shows %s as it stands', (name) => {
  const [shown] =
    page
      .split(`(${name})`)
      .at(1)
      ?.match(/(?<=```\w+\n)[\s\S]*?(?=```)/) ?? []

  expect(shown).toBe(read(name))
})

test.each(recipes)('%s holds no key', (name) => {
  expect(read(name)).not.toMatch(/lk_\w{8}_\w+/)
})

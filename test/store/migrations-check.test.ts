import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { nodeArguments } from '../support/built.js'

// Each run of the tool is a process that starts a PostgreSQL.
vi.setConfig({ testTimeout: 120_000 })

const checkout = fileURLToPath(new URL('../..', import.meta.url))
let copy: string

// The tool works on the folder it lies in: give it one of its own.
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'latchkey-prisma-'))
  cpSync(join(checkout, 'prisma'), join(copy, 'prisma'), { recursive: true })
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'))
})
afterEach(() => rmSync(copy, { recursive: true }))

function runTool(...words: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...nodeArguments, join(copy, 'prisma/schema-engine.mjs'), ...words],
    { encoding: 'utf8' },
  )
  return { status, output: stdout + stderr }
}

function addColumn(): void {
  const path = join(copy, 'prisma/schema.prisma')
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace('model Session {', 'model Session {\n  colour String?'),
  )
}

test('the migrations of this version make what its schema says', () => {
  expect(runTool('check')).toEqual({
    status: 0,
    output: expect.stringContaining('make what schema.prisma says'),
  })
})

test('a column without a migration fails the check, which prints the SQL that is missing', () => {
  addColumn()

  const { status, output } = runTool('check')

  expect(status).toBe(1)
  expect(output).toContain('ALTER TABLE "sessions" ADD COLUMN     "colour" TEXT;')
})

test('the missing SQL becomes a migration, and the check passes', () => {
  addColumn()

  expect(runTool('create', 'colour', '29990101000000')).toMatchObject({ status: 0 })

  const migration = join(copy, 'prisma/migrations/29990101000000_colour/migration.sql')
  expect(readFileSync(migration, 'utf8')).toContain('ADD COLUMN     "colour" TEXT;')
  expect(runTool('check').status).toBe(0)
})

test('a migration is created neither for nothing nor before the last one', () => {
  expect(runTool('create', 'nothing', '29990101000000')).toMatchObject({ status: 1 })
  addColumn()
  expect(runTool('create', 'colour', '20000101000000')).toMatchObject({ status: 1 })
})

#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { exitCodes } from './exit-codes.js'
import { allFinished } from './finish-first.js'
import { run } from './program.js'

const { env, stdin, stdout, stderr, argv } = process
const packageFile = new URL(import.meta.resolve('#package/package.json'))
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

// Once: who presses Ctrl-C again does not want to wait.
process.once('SIGINT', async () => {
  await allFinished()
  process.exit(exitCodes.interrupted)
})
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(exitCodes.outputClosed)
  })
}

process.exitCode = await run(argv.slice(2), { env, stdin, stdout, stderr, clock: Date.now }, version)

#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { exitCodes } from './exit-codes.js'
import { allFinished } from './finish-first.js'
import { run } from './program.js'

const { env, stdin, stdout, stderr, argv } = process
const packageFile = new URL(import.meta.resolve('#package/package.json'))
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

// It stays: the libraries that remove their files at the end would end the program where nobody else listens.
let isEnding = false
process.on('SIGINT', async () => {
  // Who presses Ctrl-C again does not want to wait.
  if (!isEnding) {
    isEnding = true
    await allFinished()
  }
  process.exit(exitCodes.interrupted)
})
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(exitCodes.outputClosed)
  })
}

process.exitCode = await run(argv.slice(2), { env, stdin, stdout, stderr, clock: Date.now }, version)

#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { run } from './program.js'

const { env, stdin, stdout, stderr, argv } = process
const packageFile = new URL(import.meta.resolve('#package/package.json'))
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

process.exitCode = await run(argv.slice(2), { env, stdin, stdout, stderr, clock: Date.now }, version)

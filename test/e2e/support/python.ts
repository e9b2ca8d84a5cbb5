import { join } from 'node:path'
import { runCommand } from './command.js'
import { openCacheFolder } from './folders.js'

/** Finds a Python 3 that can import `requests`, among the places where install.sh looks for it or puts it. */
export async function requirePython(): Promise<string> {
  for (const python of ['python3', '/usr/bin/python3', join(openCacheFolder(), 'python/bin/python3')]) {
    if (await canImportRequests(python)) return python
  }
  throw new Error('No Python 3 with requests: run test/e2e/support/install.sh')
}

async function canImportRequests(python: string): Promise<boolean> {
  try {
    await runCommand(python, ['-c', 'import requests'])
    return true
  } catch {
    return false
  }
}

/** The program that attacks a service by its OpenAPI document, where install.sh puts it. */
export const schemathesisProgram = () => join(openCacheFolder(), 'python/bin/st')

/** A Python with pystac-client, where install.sh puts it. */
export const stacPython = () => join(openCacheFolder(), 'python/bin/python3')

/** The virtual environment of the Python services of `examples/rs-server`, where install.sh puts it. */
export const exampleVenv = () => join(openCacheFolder(), 'rs-server')

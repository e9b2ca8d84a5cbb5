import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createIdentityHeaders } from '../../src/auth/identity-headers.js'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** The line with which README reads the roles in a language. */
export function lineIn(language: 'js' | 'python' | 'go'): string {
  const block = readme.split(`\`\`\`${language}\n`).find((text) => /^[^\n]*roles/.test(text))
  return block?.split('\n')[0] ?? ''
}

/** Roles with every character that is encoded, or nearly so. */
export const roles = [
  ...[
    'latchkey:catalog_read',
    'group:/ops',
    'a b',
    'a,b',
    'a+b',
    '100%',
    '%20',
    'josé 日😀',
    "it's",
    '"',
    '\\',
  ],
]

/** The same as the gateway tells a service. */
export const rolesHeader =
  createIdentityHeaders({ prefix: 'Latchkey' })({
    ...{ subject: 'alice-id', login: 'alice', name: null, email: null, kind: 'user', via: 'oauth2' },
    ...{ roles, scopes: [], attributes: {}, config: {} },
  })['Latchkey-Roles'] ?? ''

export const isInstalled = (command: string, argument: string) => spawnSync(command, [argument]).status === 0

/** The JSON that a program writes of the header, which is in its environment. */
export function readBy(command: string, args: string[], header: string): unknown {
  const env = { PATH: process.env.PATH, ROLES: header }
  const { stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

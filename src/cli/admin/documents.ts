import { printJson } from '../json.js'
import { renderFacts } from '../table.js'
import { print, type Terminal } from '../terminal.js'
import type { JsonOption } from './options.js'

/** Prints one thing: for people a line for each member, for programs the answer of the service. */
export function printDocument(terminal: Terminal, document: object, { json }: JsonOption): void {
  if (json) printJson(terminal, document)
  else print(terminal, renderFacts(Object.fromEntries(listMembers(document))))
}

/** Members of members are named as in `access.scopes`; what is empty is a hyphen, as in tables. */
function listMembers(document: object, before = ''): [name: string, text: string][] {
  return Object.entries(document).flatMap(([name, value]) => {
    const path = before + name
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return [[path, formatValue(value)]]
    const members = listMembers(value, `${path}.`)
    return members.length === 0 ? [[path, '-'] as [string, string]] : members
  })
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(formatValue).join(', ')
  if (value === null || value === '') return '-'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

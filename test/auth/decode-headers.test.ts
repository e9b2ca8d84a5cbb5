import { expect, test } from 'vitest'
import { isInstalled, lineIn, readBy, roles, rolesHeader } from '../support/identity-lines.js'

// README's lines run as they stand there. Its line for Go is built in test/e2e, because that takes a minute.

test('the line for JavaScript in README reads the roles as they were', () => {
  const read = new Function('headers', `${lineIn('js')}\nreturn roles`)

  expect(read({ 'latchkey-roles': rolesHeader })).toEqual(roles)
  expect(read({ 'latchkey-roles': '' })).toEqual([])
})

test.skipIf(!isInstalled('python3', '--version'))('the line for Python does so too', () => {
  const program = `import json, os
from urllib.parse import unquote
headers = {'Latchkey-Roles': os.environ['ROLES']}
${lineIn('python')}
print(json.dumps(roles))`

  expect(readBy('python3', ['-c', program], rolesHeader)).toEqual(roles)
  expect(readBy('python3', ['-c', program], '')).toEqual([])
})

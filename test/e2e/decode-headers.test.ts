import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isInstalled, lineIn, readBy, roles, rolesHeader } from '../support/identity-lines.js'

const hasGo = isInstalled('go', 'version')

test.skipIf(!hasGo)(
  `the line for Go in README reads the roles as they were${hasGo ? '' : ' (there is no Go on this machine)'}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-go-'))
    try {
      const [source, program] = [join(folder, 'main.go'), join(folder, 'read-roles')]
      writeFileSync(
        source,
        `package main
import ("encoding/json"; "net/url"; "os"; "strings")
// As http.Header: net/http would take Go most of a minute to compile.
type header map[string]string
func (h header) Get(name string) string { return h[name] }
func main() {
	roles := []string{}
	headers := header{"Latchkey-Roles": os.Getenv("ROLES")}
	${lineIn('go')}
	json.NewEncoder(os.Stdout).Encode(roles)
}`,
      )
      execFileSync('go', ['build', '-o', program, source])

      expect(readBy(program, [], rolesHeader)).toEqual(roles)
      expect(readBy(program, [], '')).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  240_000,
)

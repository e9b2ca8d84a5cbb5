import { beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../support/command.js'
import { requirePython } from '../support/python.js'
import { type Account, logIn } from './people.js'
import type { World } from './world.js'

/** A key in scripts, as their authors write them. */
export function describeCommandLine(world: World): void {
  describe('on the command line', () => {
    let alice: Account
    beforeAll(async () => {
      alice = await logIn(world, 'alice')
    })

    test('curl uses a key in each of its forms, until it is revoked', async () => {
      const key = await alice.createKey()
      const collections = `${world.url}/catalog/collections`
      const forms = [
        ['-H', `X-API-Key: ${key.value}`, collections],
        ['-H', `Authorization: Apikey ${key.value}`, collections],
        ['-H', `Authorization: Bearer ${key.value}`, collections],
        [`${collections}?api_key=${key.value}`],
      ]

      const before = await Promise.all(forms.map(curl))
      await alice.call('POST', `/api-keys/${key.id}/revoke`, {})
      const after = await Promise.all(forms.map(curl))

      expect(before.map(({ status }) => status)).toEqual([200, 200, 200, 200])
      for (const { body } of before) expect(JSON.parse(body)).toHaveProperty('collections')
      expect(after.map(({ status }) => status)).toEqual([401, 401, 401, 401])
      for (const { body } of after) {
        expect(JSON.parse(body)).toMatchObject({ status: 401, code: 'invalid_credential' })
        expect(body).not.toContain(key.value)
      }
    })

    test('curl without a key is told how to authenticate, and a key manages no keys', async () => {
      const key = await alice.createKey()

      const anonymous = await curl(['-i', `${world.url}/catalog/collections`])
      const listing = await curl(['-H', `X-API-Key: ${key.value}`, `${world.url}/api-keys`])
      const inQuery = await curl([`${world.url}/me?api_key=${key.value}`])

      expect(anonymous.status).toBe(401)
      expect(anonymous.body).toMatch(/^www-authenticate: Bearer/im)
      expect(listing.status).toBe(403)
      expect(JSON.parse(listing.body)).toMatchObject({ code: 'login_required' })
      expect(inQuery.status).toBe(401)
    })

    test('a script in Python reads the catalogue with a key, and ends its own key when it is done', async () => {
      const key = await alice.createKey()
      const python = await requirePython()

      const printed = await runCommand(python, ['-c', SCRIPT, world.url, key.id], {
        env: { PATH: process.env.PATH, LATCHKEY: key.value },
      })

      expect(JSON.parse(printed)).toEqual({
        caller: ['alice', 'api-key'],
        found: [200, 3],
        posted: [200, 3],
        revoked: [200, 'revoked'],
        after: [401, 'invalid_credential'],
      })
    })

    test('how often a key was used is shown to its owner', async () => {
      const key = await alice.createKey()
      await curl(['-A', 'nightly/1.0', '-H', `X-API-Key: ${key.value}`, `${world.url}/catalog/collections`])

      const readUsage = async () => (await alice.call('GET', `/api-keys/${key.id}`)).body

      await expect.poll(readUsage, { timeout: 15_000, interval: 250 }).toMatchObject({
        usage: { total: 1, today: 1, last_used_ip: '127.0.0.1', last_user_agent: 'nightly/1.0' },
      })
    })
  })
}

const SCRIPT = `
import json, os, sys, requests

base, key_id = sys.argv[1:]
session = requests.Session()
session.headers["X-API-Key"] = os.environ["LATCHKEY"]
query = {"collections": ["sentinel-2-l2a"], "limit": 3}

me = session.get(f"{base}/me").json()
found = session.get(f"{base}/catalog/search", params={"collections": "sentinel-2-l2a", "limit": 3})
posted = session.post(f"{base}/catalog/search", json=query)
revoked = session.post(f"{base}/api-keys/{key_id}/revoke")
after = session.get(f"{base}/catalog/search")
print(json.dumps({
    "caller": [me["login"], me["via"]],
    "found": [found.status_code, len(found.json()["features"])],
    "posted": [posted.status_code, len(posted.json()["features"])],
    "revoked": [revoked.status_code, revoked.json()["status"]],
    "after": [after.status_code, after.json()["code"]],
}))
`

async function curl(args: string[]): Promise<{ status: number; body: string }> {
  const printed = await runCommand('curl', ['-sS', '--max-time', '20', '-w', '\n%{http_code}', ...args])
  const end = printed.lastIndexOf('\n')
  return { status: Number(printed.slice(end + 1)), body: printed.slice(0, end) }
}

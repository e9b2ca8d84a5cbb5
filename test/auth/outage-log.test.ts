import Fastify from 'fastify'
import { expect, test } from 'vitest'
import auth from '../../src/auth/index.js'
import type { Verify } from '../../src/auth/types.js'
import { renderError } from '../../src/problems/render.js'

const cannotTell: Verify = () => ({ kind: 'unavailable', cause: new Error('The database is away') })

/** An app whose keys cannot be checked, and the lines of its log that say so. */
async function startOutage() {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => lines.push(line) } } })
  app.setErrorHandler(renderError)
  for (const prefix of ['/one', '/two']) {
    await app.register(
      async (scope) => {
        await scope.register(auth, { keyPrefix: 'lk', verifyKey: cannotTell, verifyToken: cannotTell })
        scope.get('/', { config: { access: {} } }, () => 'never')
      },
      { prefix },
    )
  }
  const call = (url: string) => app.inject({ url, headers: { 'x-api-key': 'a value' } })
  return { app, lines, call }
}

test('an outage is logged once a second by each app of a process, in whichever scope it is met', async () => {
  const outages = [await startOutage(), await startOutage()]

  for (const { call } of outages) {
    for (const url of ['/one', '/two', '/one']) expect((await call(url)).statusCode).toBe(503)
  }

  for (const { lines, app } of outages) {
    expect(lines).toEqual([expect.stringContaining('a credential could not be checked')])
    await app.close()
  }
})

// Runs as it stands in every runtime that latchkey/client promises, so it uses nothing but that.
import { Latchkey, LatchkeyError } from 'latchkey/client'

/**
 * What a program sees of the client.
 * @param {import('latchkey/client').LatchkeyOptions} options of a client with a good key
 * @param {string} oddUrl of the service of odd-service.ts
 */
export async function tryClient(options, oddUrl) {
  const latchkey = new Latchkey(options)
  const odd = (path) => new Latchkey({ url: `${oddUrl}${path}`, apiKey: 'lk_of_nobody' })
  const me = await latchkey.me()
  const collections = await (await latchkey.fetch('catalog/collections')).json()

  return {
    login: me.login,
    collections: collections.collections.length,
    wrongKey: await describeFailure(new Latchkey({ ...options, apiKey: 'lk_of_nobody' }).me()),
    noLogin: await describeFailure(latchkey.apiKeys.create({ name: 'x' })),
    redirect: await describeFailure(odd('/redirecting').me()),
    page: await describeFailure(odd('/page').me()),
    away: await describeFailure(odd('/away').apiKeys.create({ name: 'x' })),
    again: (await odd('/busy-at-first').me()).login,
    agent: (await odd('/echo').me()).agent,
    aborted: await describeFailure(latchkey.me({ signal: AbortSignal.abort() })),
    late: await describeFailure(odd('/silent').apiKeys.create({ name: 'x' }, { timeoutMs: 100 })),
    // The port of the discard service, which no browser calls, and nobody serves elsewhere.
    unreachable: await describeFailure(new Latchkey({ url: 'http://127.0.0.1:9', maxTries: 1 }).me()),
    elsewhere: await describeFailure(latchkey.fetch('https://elsewhere.invalid/')),
  }
}

async function describeFailure(answer) {
  try {
    await answer
    return 'no failure'
  } catch (error) {
    return `${error.name} ${error.code} ${error instanceof LatchkeyError ? error.status : ''}`.trim()
  }
}

const { LATCHKEY_ODD_URL: oddUrl } = globalThis.process?.env ?? {}
if (oddUrl !== undefined) console.log(JSON.stringify(await tryClient({}, oddUrl)))

import { expect, test } from 'vitest'
import { judge } from '../../src/cli/api-key/judge.js'
import { startSingleUser } from '../single-user/a-service.js'

test('a key that inherits every right of the single user is good for each, also where a page or an address is not told', async () => {
  const single = await startSingleUser()
  const headers = { 'x-api-key': single.key }
  const made = await single.inject({
    ...{ method: 'POST', url: '/api-keys', headers },
    payload: { name: 'all', allowed_referers: ['a.example'] },
  })
  const small = await single.inject({
    ...{ method: 'POST', url: '/api-keys', headers },
    payload: { name: 'small', allowed_referers: ['a.example'], scopes: ['other'] },
  })
  const ask = async (value: string) => {
    const payload = { value, scopes: ['maps'] }
    const answer = await single.inject({ method: 'POST', url: '/api-keys/verify', payload })
    return judge(answer.json, { scopes: ['maps'] }, Date.now()).kind
  }

  const kinds = [await ask(made.json.value), await ask(small.json.value)]
  await single.close()

  expect(kinds).toEqual(['good', 'refused'])
}, 60_000)

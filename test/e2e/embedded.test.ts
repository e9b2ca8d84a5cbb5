import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeCommandLine } from './journeys/command-line.js'
import { describeFirstKey } from './journeys/first-key.js'
import { useEmbeddedWorld } from './journeys/world.js'
import { runCommand } from './support/command.js'
import { makeTemporaryFolder, projectFolder } from './support/folders.js'

// Nothing but what `npm start` has: the embedded database and the embedded identity provider.
// All journeys of this mode are in `matrix/`.
const world = useEmbeddedWorld({ makesDatabase: true })

describeFirstKey(world)
describeCommandLine(world)

test('the commands of README log in and make a key as they stand, but for the address', async () => {
  const [commands = ''] =
    /(?<=```sh\n)BASE=[^`]*/.exec(readFileSync(join(projectFolder, 'README.md'), 'utf8')) ?? []
  const folder = await makeTemporaryFolder('readme')

  const run = async (script: string) =>
    JSON.parse(
      await runCommand('bash', ['-c', script.replace('http://127.0.0.1:3000', world.url)], { cwd: folder }),
    )
  const made = await run(commands)
  const refused = await run(commands.replace('alice-pw', 'bob-pw').replaceAll('cookies', 'others'))
  const withoutOrigin = await run(commands.replace(/-H "Origin: [^"]+"/, ''))
  await rm(folder, { recursive: true })

  expect(made).toMatchObject({ name: 'nightly', status: 'active', owner: { login: 'alice' } })
  expect(refused).toMatchObject({ code: 'not_authenticated' })
  expect(withoutOrigin).toMatchObject({ code: 'cross_site_request' })
})

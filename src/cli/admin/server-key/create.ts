import type { CreatedKey } from '../../../schemas/admin.js'
import { hintIfUnknown } from '../../api-key/new-value.js'
import type { CommandContext } from '../../context.js'
import { deliverValue } from '../../deliver-value.js'
import { finishFirst } from '../../finish-first.js'
import { writeJson } from '../../json.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { NewKeyOptions } from '../key-options.js'
import type { JsonOption } from '../options.js'
import { readNewKey } from '../read-key.js'
import { reportMade } from './report-made.js'

interface CreateOptions extends NewKeyOptions, JsonOption {}

/** Makes a key of a server, and prints only its value. */
export async function createServerKey(context: CommandContext, options: CreateOptions): Promise<void> {
  const { terminal } = context
  // Ctrl-C waits, because the user would not know of a key that was made but not shown.
  await finishFirst(
    administrate(context, null, async (admin) => {
      const making = admin.apiKeys.create(readNewKey(options))
      making.catch((error) => hintIfUnknown(error, terminal, adviseToLook(options)))
      await deliver(context, await making, options)
    }),
  )
}

const adviseToLook = ({ name }: CreateOptions) =>
  `Look for the name "${name}" in latchkey admin api-key list, and delete that key.`

async function deliver({ terminal }: CommandContext, key: CreatedKey, { json }: JsonOption): Promise<void> {
  reportMade(terminal, 'Made', key)
  report(terminal, 'Keep its value now, it is not shown again:')
  const otherwise = `delete it: latchkey admin api-key delete ${key.id}`
  await deliverValue(json ? writeJson(key) : String(key.value), terminal, { otherwise })
}

import type { Database } from './database.js'
import { notify } from './notices.js'
import type { Tx } from './transaction.js'

/** The way to authenticate that an administrator may switch off. */
export const apiKeyProvider = 'api-key'

/** Without a row, as in a new database, a provider is on. */
export async function isProviderDisabled(tx: Pick<Tx, 'provider'>, name: string): Promise<boolean> {
  const provider = await tx.provider.findUnique({ where: { name } })
  return provider?.disabled ?? false
}

export const isApiKeyProviderDisabled = ({ prisma }: Database) => isProviderDisabled(prisma, apiKeyProvider)

/** @returns whether that changed anything */
export async function switchProvider(tx: Tx, name: string, disabled: boolean): Promise<boolean> {
  await tx.$executeRaw`INSERT INTO providers (name, disabled) VALUES (${name}, false) ON CONFLICT DO NOTHING`
  const { count } = await tx.provider.updateMany({
    where: { name, disabled: !disabled },
    data: { disabled },
  })
  if (count > 0) await notify(tx, { provider: name })
  return count > 0
}

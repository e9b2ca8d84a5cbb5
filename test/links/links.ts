import type { CreatedKey, TestService } from '../support/service.js'

/** Makes a link through the front door, as alice. @returns its URL */
export async function makeLink(
  service: TestService,
  { id }: Pick<CreatedKey, 'id'>,
  path: string,
  more: { expires_in?: number } = {},
): Promise<string> {
  const answer = await service.inject({
    ...{ method: 'POST', url: `/api-keys/${id}/links`, headers: await service.as('alice') },
    payload: { path, ...more },
  })
  if (answer.status !== 201) throw new Error(`No link was made: ${answer.body}`)
  return answer.json.url
}

/** What a link's URL presents. */
export const tokenOf = (url: string): string => new URL(url).pathname.split('/')[2] ?? ''

export const linkSecret = { KEY_ENCRYPTION_SECRET: 'the encryption secret of the links' }

import { NotFoundError } from '../../client/index.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'

/** The answer about that key. @throws CommandFailed in words that name the key, where the caller has none of that id */
export async function requireOwn<T>(id: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof NotFoundError) || error.code !== 'not_found') throw error
    throw new CommandFailed(exitCodes.refused, `you have no API key with the id ${id} (not_found)`)
  }
}

import { InexactJson, parseExactJsonBytes } from '../exact-json.js'
import { Problem } from './problem.js'

/** Reads the body of a request, as `parseExactJson`. @throws Problem validation_failed */
export function readJsonBody(body: Uint8Array): unknown {
  try {
    return parseExactJsonBytes(body)
  } catch (error) {
    // Messages of JSON.parse quote the text, which may hold a secret.
    const fault =
      error instanceof InexactJson && error.path !== ''
        ? { path: error.path, message: error.message }
        : { path: '', message: 'the body is not valid JSON' }
    throw new Problem('validation_failed', { errors: [fault], cause: error })
  }
}

/** What the log says of an error. */
export interface LoggedError {
  type: string
  message: string
  stack: string
  aggregateErrors?: LoggedError[]
  [member: string]: unknown
}

/** Members that say where and how something failed. No library keeps in them what someone sent. */
const loggedMembers = [
  ...['code', 'errno', 'syscall', 'address', 'port', 'hostname', 'status', 'statusCode'],
  // OAuth2 (RFC 6749 §5.2) and jose: an error code, the name of a claim, what is wrong with it.
  ...['error', 'claim', 'reason'],
  // PostgreSQL: the names of things, never their values.
  ...['severity', 'schema', 'table', 'column', 'constraint', 'routine'],
]

/** Codes, names and addresses have no spaces, so that no line of a header or a body passes. */
const oneWord = /^[\w.:%-]{1,128}$/

const maxCauses = 5
const maxAggregated = 10

/**
 * Describes an error for the log, its causes included. Libraries hang pieces of answers and requests on their errors
 * (undici `data`, `headers` and `body`; jose `payload`; ioredis `command`), so only listed members are copied.
 * @returns what is no error by its type alone, because nobody knows what it holds
 */
export function describeError(error: unknown): LoggedError {
  const chain = listCauses(error)
  const [first] = chain
  if (first === undefined) {
    const type = error === null ? 'null' : typeof error
    return { type, message: 'Something was thrown that is no error', stack: '' }
  }
  return {
    type: nameType(first),
    message: chain.map(readMessage).join(': '),
    stack: chain.map(readStack).join('\ncaused by: '),
    // The outermost error has the last word.
    ...Object.assign({}, ...chain.map(pickMembers).reverse()),
  }
}

/** The error, its cause, the cause of that. Another object as a cause may be the body of an answer. */
function listCauses(error: unknown): Error[] {
  const chain: Error[] = []
  let next = error
  while (next instanceof Error && chain.length < maxCauses && !chain.includes(next)) {
    chain.push(next)
    next = next.cause
  }
  return chain
}

const nameType = (error: Error): string => error.constructor.name || error.name

function readMessage(error: Error): string {
  const { message } = error
  // V8 quotes the text that it cannot parse. What stands before its own words is ours.
  if (message.endsWith('is not valid JSON')) {
    return `${message.slice(0, Math.max(0, message.indexOf('Unexpected ')))}Unexpected token in JSON`
  }
  // Node's error of several attempts to connect has a code and no words.
  return message === '' ? String(pickMembers(error).code ?? '') : message
}

/** The frames below our own first line, because the first line of V8 repeats the message. */
function readStack(error: Error): string {
  const stack = String(error.stack)
  const start = stack.indexOf(error.message) + error.message.length
  const frames = stack.indexOf('\n    at ', Math.max(start, 0))
  return `${nameType(error)}: ${readMessage(error)}${frames === -1 ? '' : stack.slice(frames)}`
}

function pickMembers(error: Error): Record<string, unknown> {
  // Every object has string keys; which of them an error has, differs from library to library.
  const members = error as unknown as Record<string, unknown>
  const picked: Record<string, unknown> = {}
  for (const name of loggedMembers) {
    const value = members[name]
    if (typeof value === 'number' || (typeof value === 'string' && oneWord.test(value))) picked[name] = value
  }
  if (error instanceof AggregateError) {
    picked.aggregateErrors = error.errors.slice(0, maxAggregated).map(describeError)
  }
  return picked
}

/** Describes an error that is no surprise, in one line without a stack, as of a service that cannot be reached. */
export function summarizeError(error: Error): { name: string; message: string; code?: unknown } {
  const { code } = pickMembers(error)
  return { name: error.name, message: readMessage(error), ...(code === undefined ? {} : { code }) }
}

/** The database cannot be asked now. Whoever asked may try again later; the reason is in `cause`, for the log only. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'

  constructor(cause: unknown) {
    super('The database cannot be asked now', { cause })
  }
}

const unavailableCodes = new Set([
  // PostgreSQL: full, crowded, going down, cancelled, a standby during a failover, a lock that others hold.
  ...splitWords('53000 53100 53200 53300 57P01 57P02 57P03 57P04 57P05 58000 58030 57014 25006 55P03'),
  // PostgreSQL: credentials or a database that were changed under us.
  ...splitWords('28000 28P01 3D000'),
  // The operating system.
  ...splitWords('ECONNREFUSED ECONNRESET ENOTFOUND EAI_AGAIN ETIMEDOUT EPIPE EHOSTUNREACH ENETUNREACH'),
  ...splitWords('ENOSPC EDQUOT EIO EROFS EMFILE ENFILE'),
  // Prisma, and the kinds of its driver adapter.
  ...splitWords('P1000 P1001 P1002 P1003 P1008 P1010 P1011 P1017 P2024 P2028 P2037'),
  ...splitWords('DatabaseNotReachable ConnectionClosed SocketTimeout TlsConnectionError TooManyConnections'),
])

// `pg` reports the loss of a connection as a bare Error, and Prisma hands it on as it is: only the text tells.
const unavailableMessages = new Set([
  'Cannot use a pool after calling end on the pool',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Connection terminated',
  'Connection terminated due to connection timeout',
  'Connection terminated unexpectedly',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  // Of a server that takes the connection and says nothing.
  'timeout expired',
])

const conflictCodes = new Set(['40001', '40P01', 'P2034', 'TransactionWriteConflict'])

/** Whether the same transaction may succeed when tried again: a serialization failure or a deadlock. */
export function isConflict(error: unknown): boolean {
  return readCodes(error).some((code) => conflictCodes.has(code))
}

/** Whether the error says that the database cannot be asked now, rather than that it refused what was asked. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true
  if (error instanceof Error && unavailableMessages.has(error.message)) return true
  return readCodes(error).some((code) => code.startsWith('08') || unavailableCodes.has(code))
}

/**
 * Passes the outcome on, with every failure that means "cannot be asked now" turned into StoreUnavailable.
 * @throws StoreUnavailable, or the error as it was
 */
export async function asStoreErrors<T>(work: PromiseLike<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StoreUnavailable || !isUnavailable(error)) throw error
    throw new StoreUnavailable(error)
  }
}

/**
 * The codes an error carries, wherever Prisma put them: a model call has its own code, a raw one says P2010 and
 * hides PostgreSQL's in `meta`, and a failed COMMIT is a bare DriverAdapterError. The cause of other errors is
 * not looked at: an error of our own may have a far network's refusal as its cause.
 */
function readCodes(error: unknown): string[] {
  const adapterError = readMember(readMember(error, 'meta'), 'driverAdapterError') ?? error
  const isAdapterError = readMember(adapterError, 'name') === 'DriverAdapterError'
  const details = isAdapterError ? readMember(adapterError, 'cause') : undefined
  return [readMember(error, 'code'), readMember(details, 'originalCode'), readMember(details, 'kind')].filter(
    (code) => typeof code === 'string',
  )
}

/** A member of what was thrown, which may be anything; undefined where there is none. */
export function readMember(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function splitWords(words: string): string[] {
  return words.split(' ')
}

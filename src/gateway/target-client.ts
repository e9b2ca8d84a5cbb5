import type { Socket } from 'node:net'
import { type buildConnector, Client, type Dispatcher } from 'undici'

/** A call, and who wants to know the connection that it is sent on. */
export interface TargetDispatchOptions extends Dispatcher.DispatchOptions {
  takeConnection(connection: TargetConnection): void
}

/** A call as its connection sees it. */
export interface TargetCall {
  /** Whether the service owes a part of a body now. */
  isBodyDue(): boolean
}

/** `d` stands for any digit. */
const informationalStart = 'HTTP/1.d 1dd'
const plainInformational = 'HTTP/1.1 102 Processing\r\n\r\n'
const endOfHead = '\r\n\r\n'
/** As much as undici takes of a head. */
const maxHeldBytes = 16_384

/** The one connection of a client: replaced by undici when it ends, and used by one call at a time. */
export class TargetConnection {
  socket: Socket | null = null
  /** The latest call that was sent on it. */
  call: TargetCall | null = null
  /** Whether an earlier call used the same connection. */
  isReused = false
  /** Whether any byte came back since the call was sent. */
  hasAnswered = false
  #calls = 0
  #awaitsHead = false
  #held: Buffer | null = null

  adopt(socket: Socket): void {
    this.socket = socket
    this.#calls = 0
    this.#awaitsHead = false
    this.#held = null
    const read = socket.read.bind(socket)
    socket.read = (size) => this.#pass(read(size))
  }

  /** To be called when a call is about to be sent. */
  begin(call: TargetCall): void {
    this.call = call
    this.isReused = this.#calls > 0
    this.hasAnswered = false
    this.#calls += 1
    this.#awaitsHead = true
    this.#held = null
  }

  /**
   * Puts a plain 102 for each informational answer, because undici passes over that one, but takes `100 Continue` for a
   * broken answer, and its parser takes one of HTTP/1.0 or with `Connection: close` for the last. A client passes over
   * all of them (RFC 9110 §15.2). 101 is not one of them: it is the answer to an upgrade.
   */
  #pass(chunk: Buffer | null): Buffer | null {
    if (!this.#awaitsHead || chunk === null) return chunk
    this.hasAnswered = true
    let rest = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = null
    let passed = 0
    while (rest.length > 0) {
      const start = rest.toString('latin1', 0, informationalStart.length)
      const isInformational = beginsInformational(start) && !start.endsWith('101')
      const end = isInformational ? rest.indexOf(endOfHead) : -1
      if (!isInformational || (end === -1 && rest.length > maxHeldBytes)) {
        this.#awaitsHead = false
        break
      }
      if (end === -1) {
        this.#held = rest
        rest = Buffer.alloc(0)
      }
      passed += 1
      rest = rest.subarray(end + endOfHead.length)
    }
    if (passed === 0) return rest.length === 0 ? null : rest
    return Buffer.concat([Buffer.from(plainInformational.repeat(passed)), rest])
  }
}

/** @param start of a head, which may be cut off anywhere */
function beginsInformational(start: string): boolean {
  for (let at = 0; at < start.length; at += 1) {
    const [wanted, found = ''] = [informationalStart[at], start[at]]
    if (wanted === 'd' ? found < '0' || found > '9' : found !== wanted) return false
  }
  return true
}

/** Undici's client of one connection, which passes over informational answers and shows that connection to its calls. */
class TargetClient extends Client {
  readonly #connection: TargetConnection

  constructor(origin: URL, options: Client.Options, connect: buildConnector.connector) {
    const connection = new TargetConnection()
    super(origin, {
      ...options,
      connect: (wanted, callback) =>
        connect(wanted, (...result) => {
          if (result[0] === null) connection.adopt(result[1])
          callback(...result)
        }),
    })
    this.#connection = connection
  }

  override dispatch(options: TargetDispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    options.takeConnection(this.#connection)
    return super.dispatch(options, handler)
  }
}

/** The factory of a pool. @param options as the pool gives them, with the function that connects */
export function createTargetClient(origin: URL, options: object): Dispatcher {
  const { connect } = options as { connect: buildConnector.connector }
  return new TargetClient(origin, options, connect)
}

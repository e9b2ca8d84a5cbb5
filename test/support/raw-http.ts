import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  status: number
  /** Every header line as it came, the names in lower case. */
  headers: [name: string, value: string][]
  /** All values of one header. */
  header(name: string): string[]
  body: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
  json: any
}

/**
 * Sends exactly these lines, as no HTTP library would: repeated headers, broken ones, none at all.
 * @param lines of the head; `Host` and `Connection: close` are added
 */
export function requestRaw(port: number, lines: string[], body = ''): Promise<RawAnswer> {
  const [first, ...others] = lines
  const head = [first, `Host: 127.0.0.1:${port}`, 'Connection: close', ...others, '', '']
  return sendBytes(port, head.join('\r\n') + body)
}

/** Sends this and reads until the other side closes. */
export async function sendBytes(port: number, bytes: string): Promise<RawAnswer> {
  const connection = await openConnection(port)
  connection.socket.write(bytes, 'latin1')
  await connection.closed
  return parseAnswer(connection.received())
}

export interface RawConnection {
  socket: Socket
  received(): string
  /** Forgets what was received so far, and waits until this appears. */
  next(text: string): Promise<string>
  closed: Promise<void>
}

export async function openConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (text) => {
    received += text
  })
  // A reset is an end as well: what came before it is what counts.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return {
    socket,
    received: () => received,
    closed,
    next: async (text) => {
      received = ''
      while (!received.includes(text) && !socket.destroyed) {
        await Promise.race([once(socket, 'data'), closed])
      }
      return received
    },
  }
}

export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const body = rest.join('\r\n\r\n')
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    header: (wanted) => headers.filter(([name]) => name === wanted).map(([, value]) => value),
    body,
    json: body.startsWith('{') ? JSON.parse(body) : undefined,
  }
}

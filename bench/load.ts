import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { answerParent, type Sight, type Visit } from './messages.js'
import { quantile } from './statistics.js'
import { scatteredNumbers, storedKey } from './stored-keys.js'

interface Target {
  sockets: Socket[]
  /** The next request to send, each time it is asked. */
  nextRequest: () => Buffer
}

const targets = new Map<number, Target>()

answerParent((visit) => load(visit as Visit))

/** Sends the requests over connections that stay open, one at a time on each. */
async function load(visit: Visit): Promise<Sight> {
  const { port, status, requests, intervalMs } = visit
  const { sockets, nextRequest } = await reach(visit)
  // Made before the clock starts, since the value of a key takes as long to make as a request to answer.
  const toSend = Array.from({ length: requests }, nextRequest)
  const latencies: number[] = []
  const startedAt = performance.now()
  await Promise.all(sockets.map(sendInTurn))
  const seconds = (performance.now() - startedAt) / 1000
  return {
    requestsPerSecond: requests / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  }

  function sendInTurn(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      let received = ''
      let sentAt = 0
      const settle = (end: () => void) => {
        socket.off('data', onData).off('close', onClose)
        end()
      }
      const send = () => {
        const bytes = toSend.pop()
        if (bytes === undefined) return settle(resolve)
        received = ''
        sentAt = performance.now()
        socket.write(bytes)
      }
      const sendNext = () => {
        if (intervalMs === undefined) return send()
        // Evenly from none to twice the interval, so that the connections do not fall into step.
        setTimeout(send, 2 * intervalMs * Math.random() - (performance.now() - sentAt))
      }
      const onData = (chunk: Buffer) => {
        received += chunk.toString('latin1')
        if (!isWhole(received)) return
        latencies.push(performance.now() - sentAt)
        if (received.startsWith(`HTTP/1.1 ${status} `)) sendNext()
        else settle(() => reject(new Error(`Expected ${status}, received ${received}`)))
      }
      const onClose = () => settle(() => reject(new Error(`Port ${port} closed a connection`)))
      socket.on('data', onData).on('close', onClose)
      sendNext()
    })
  }
}

/** Sockets stay open from visit to visit, and where each request carries another key the next visit goes on. */
async function reach({ port, request, storedKeys, connections }: Visit): Promise<Target> {
  const target = targets.get(port) ?? { sockets: [], nextRequest: createRequests(request, storedKeys) }
  targets.set(port, target)
  while (target.sockets.length < connections) target.sockets.push(await open(port))
  return { ...target, sockets: target.sockets.slice(0, connections) }
}

function createRequests(request: string, storedKeys: number | undefined): () => Buffer {
  const bytes = Buffer.from(request, 'latin1')
  if (storedKeys === undefined) return () => bytes
  const numbers = scatteredNumbers(storedKeys)
  return () => Buffer.from(request.replace('{key}', storedKey(numbers.next().value).value), 'latin1')
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

/** Every answer here has a length, so this is all of HTTP that has to be read. */
function isWhole(received: string): boolean {
  const bodyAt = received.indexOf('\r\n\r\n') + 4
  if (bodyAt < 4) return false
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(received)?.[1]
  return received.length >= bodyAt + Number(length)
}

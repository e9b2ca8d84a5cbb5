import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { answerParent, type Sight, type Visit } from './messages.js'
import { quantile } from './statistics.js'

// Enough to keep the server busy all the time, so that its CPU time per request does not depend on idling.
const connections = 16

const socketsByPort = new Map<number, Socket[]>()

answerParent((visit) => load(visit as Visit))

/** Sends the requests over connections that stay open, one at a time on each. */
async function load({ port, request, status, requests }: Visit): Promise<Sight> {
  const sockets =
    socketsByPort.get(port) ?? (await Promise.all(Array.from({ length: connections }, () => open(port))))
  socketsByPort.set(port, sockets)
  const bytes = Buffer.from(request, 'latin1')
  const latencies: number[] = []
  let left = requests
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
        if (left === 0) return settle(resolve)
        left -= 1
        received = ''
        sentAt = performance.now()
        socket.write(bytes)
      }
      const onData = (chunk: Buffer) => {
        received += chunk.toString('latin1')
        if (!isWhole(received)) return
        latencies.push(performance.now() - sentAt)
        if (received.startsWith(`HTTP/1.1 ${status} `)) send()
        else settle(() => reject(new Error(`Expected ${status}, received ${received}`)))
      }
      const onClose = () => settle(() => reject(new Error(`Port ${port} closed a connection`)))
      socket.on('data', onData).on('close', onClose)
      send()
    })
  }
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

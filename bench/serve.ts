import type { AddressInfo } from 'node:net'
import { answerParent, type Ready } from './messages.js'
import { variants } from './variants/index.js'

/** One variant in a process of its own, which is asked for the CPU time it has used. */
const variant = variants.find(({ name }) => name === process.argv[2])
if (variant === undefined) throw new Error(`There is no variant ${process.argv[2]}`)

const { app, credential = {}, status = 200 } = await variant.open()
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo // It listens on TCP.

answerParent(() => {
  const { user, system } = process.cpuUsage()
  return user + system
})
const ready: Ready = { port, request: asRequest(port, credential), status }
process.send?.(ready)

/** As the Python library requests sends it. */
function asRequest(port: number, credential: Record<string, string>): string {
  const headers = {
    Host: `127.0.0.1:${port}`,
    'User-Agent': 'python-requests/2.32.3',
    'Accept-Encoding': 'gzip, deflate',
    Accept: '*/*',
    Connection: 'keep-alive',
    ...credential,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET /collections/sentinel-2 HTTP/1.1\r\n${lines.join('')}\r\n`
}

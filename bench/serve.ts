import type { AddressInfo } from 'node:net'
import { answerParent, type Ready } from './messages.js'
import { asRequest } from './requests.js'
import { firstCheck, proxies, variants } from './variants/index.js'

/** One variant in a process of its own, which is asked for the CPU time it has used: `serve.js <name> [<parameter> …]`. */
const [name, ...parameters] = process.argv.slice(2)
const variant = [...variants, firstCheck, ...proxies].find((one) => one.name === name)
if (variant === undefined) throw new Error(`There is no variant ${name}`)

const { app, credential = {}, status = 200, rest, storedKeys } = await variant.open(...parameters)
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo // It listens on TCP.

answerParent(async (question) => {
  if (question === 'rest') await rest?.()
  const { user, system } = process.cpuUsage()
  return user + system
})
const request = asRequest(port, credential)
const ready: Ready = { port, request, status, ...(storedKeys === undefined ? {} : { storedKeys }) }
process.send?.(ready)

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import openApi from '../../src/http/openapi.js'
import { descriptorDefaults, type ServiceDescriptor } from '../../src/schemas/service.js'
import { serviceDocuments } from '../../src/service-documents/index.js'
import { compilePathRules } from '../../src/services/path-rules.js'
import { createTargetPolicy } from '../../src/services/target-policy.js'
import type { Database } from '../../src/store/database.js'

export const gatewayUrl = 'http://127.0.0.1:3001'
const publicUrl = 'http://127.0.0.1:3000'

/** A real service on loopback that tells of itself as the test wants. */
export async function startDocumented(answer: RequestListener) {
  const asked: IncomingMessage[] = []
  const documented = { answer, asked, url: '', close }
  const server = createServer((request, response) => {
    asked.push(request)
    documented.answer(request, response)
  })
  await listen()
  const { port } = server.address() as AddressInfo
  documented.url = `http://127.0.0.1:${port}`
  return documented

  function listen() {
    return new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }
  function close() {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
}

export const sendJson = (json: unknown) => (_request: IncomingMessage, response: ServerResponse) =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(json))

/** The least that is a document, and what the test adds. */
export const aDocument = (members: Record<string, unknown> = {}) => ({
  openapi: '3.1.0',
  info: { title: 'A catalogue', version: '1' },
  paths: { '/items': { get: { operationId: 'getItems', responses: { 200: { description: 'Items.' } } } } },
  ...members,
})

export type Wanted = Pick<ServiceDescriptor, 'id' | 'target'> & Partial<ServiceDescriptor>

const describe = (wanted: Wanted): ServiceDescriptor => ({
  name: wanted.id,
  group: 'test',
  prefix: `/${wanted.id}`,
  ...structuredClone(descriptorDefaults),
  openapi_url: '/openapi.json',
  ...wanted,
})

const targets = createTargetPolicy({ allowed: undefined, publicUrls: [], host: '127.0.0.1', ports: [] })

/** The documents of these services, as one process shows them; `services` may be set anew. */
export async function showDocuments(db: Database, ...services: Wanted[]) {
  const log: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => log.push(line) } } })
  const world = { now: Date.parse('2026-11-21T12:00:00Z'), isUnknown: false }
  let registered = services.map(describe)
  const asRegistered = (descriptor: ServiceDescriptor) => {
    const called = { id: descriptor.id, group: descriptor.group, groupLimits: null }
    const rules = compilePathRules([], 1)
    return {
      ...{ descriptor, called, readAccess: {}, writeAccess: {}, publicAccess: {}, safePostAccess: {} },
      ...{ publicPaths: rules, safePosts: rules, depth: 1, declaredBy: 'api' as const },
    }
  }
  await app.register(openApi, {
    ...{ publicUrl, gatewayUrl, version: '0.0.0-test', sessionCookie: 'session' },
    login: { issuer: 'https://sso.example.org/realms/r', swaggerClientId: 'docs' },
  })
  await app.register(serviceDocuments, {
    ...{ db, targets, publicUrl, gatewayUrl, clock: () => world.now, timeoutMs: 300, maxBytes: 100_000 },
    registry: {
      list: () => registered.map(asRegistered),
      find: (id) => {
        if (world.isUnknown) return 'unknown'
        const found = registered.find((descriptor) => descriptor.id === id)
        return found === undefined ? null : asRegistered(found)
      },
    },
  })
  await app.ready()
  return {
    world,
    log,
    setServices: (...wanted: Wanted[]) => {
      registered = wanted.map(describe)
    },
    async show(path: string) {
      const { statusCode: status, headers, body } = await app.inject({ url: path })
      // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
      return { status, headers, body, json: (body === '' ? undefined : JSON.parse(body)) as any }
    },
    close: () => app.close(),
  }
}

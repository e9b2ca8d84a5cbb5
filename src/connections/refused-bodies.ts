import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { hasBody } from './has-body.js'

/** Long enough for a client to read the answer, too short to be worth an attack. */
const lingerMs = 2000

/** Ends the connections on which the rest of a body comes after its answer, because no code reads it. */
export function endRefusedBodies(server: Server): void {
  // No hook of Fastify, which calls none for a URL that it cannot read.
  server.on('request', endAfterAnswer)
  // Node answers 100 itself as long as this event has no listener, so add none but beside another.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', endAfterAnswer)
}

function endAfterAnswer(message: IncomingMessage, response: ServerResponse): void {
  if (!hasBody(message)) return
  if (response.writableFinished) destroyLater(message)
  else response.once('close', () => destroyLater(message))
}

function destroyLater(message: IncomingMessage): void {
  if (message.complete) return
  setTimeout(() => {
    if (!message.complete) message.destroy()
  }, lingerMs).unref()
}

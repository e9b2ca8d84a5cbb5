import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemCode } from './catalogue.js'
import { problemBody } from './problem.js'
import { problemType, sendProblem } from './render.js'

/**
 * Answers a URL that cannot be decoded or that has a part too long to name anything. Neither hooks nor routes see
 * it, and the error quotes the URL, so it is not logged.
 */
export function answerBrokenUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  reply.headers({
    'x-request-id': request.id,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  })
  sendProblem(reply, error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? 'not_found' : 'invalid_request')
  request.log.info({ req: request, res: reply, fault: error.code }, 'answered')
}

/** After its answer, a connection that its client does not end is ended. */
const lingerMs = 2000

const brokenRequests: Record<string, { status: string; code: ProblemCode }> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', code: 'invalid_request' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', code: 'invalid_request' },
}

/** Node's own mark of the answer that is being written to a connection. */
type ServedSocket = Socket & { _httpMessage?: ServerResponse | null }

/**
 * Answers what is not even HTTP: no request and no reply exist yet, only the connection.
 * @param this the service, as Fastify calls it
 */
export function answerBrokenRequest(
  this: FastifyInstance,
  error: Error & { code?: string },
  socket: ServedSocket,
): void {
  // The other side is gone, or an answer is under way, into which nothing may be written.
  if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy()
    return
  }
  const { status, code } = brokenRequests[error.code ?? ''] ?? {
    status: '400 Bad Request',
    code: 'invalid_request',
  }
  const reqId = randomUUID()
  // The error itself holds what was sent, with its credentials.
  this.log.info({ reqId, address: socket.remoteAddress, status, fault: error.code }, 'answered')
  const body = JSON.stringify({ ...problemBody(code, reqId), status: Number.parseInt(status, 10) })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

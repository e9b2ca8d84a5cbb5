import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { asProblem, logProblem, problemKinds, setProblemHeaders } from '../errors.js'

const style =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#1b1b1f}a{color:#0b57d0}small{color:#5f6368}'
const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? '')

/** Whether a browser is showing this to a person; programs get the problem document. */
export const wantsPage = (request: FastifyRequest) => request.headers.accept?.includes('text/html') ?? false

/** Tells a person why their login or logout did not work, and how to go on; the log keeps the cause. */
export function sendErrorPage(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
) {
  const problem = asProblem(error)
  const { title } = problemKinds[problem.code]
  logProblem(request, problem)
  setProblemHeaders(reply, problem.code, problem.details)
  const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(problem.message)}</p>
<p><a href="${escapeHtml(publicUrl)}/auth/login">Log in again</a> or <a href="${escapeHtml(publicUrl)}/">go to the start page</a></p>
<p><small>Request ${escapeHtml(request.id)}</small></p></body></html>`
  return reply
    .code(problem.statusCode)
    .headers({ 'content-security-policy': contentSecurityPolicy, 'cache-control': 'no-store' })
    .type('text/html; charset=utf-8')
    .send(body)
}

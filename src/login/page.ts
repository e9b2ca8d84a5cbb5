import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { problemKinds } from '../problems/catalogue.js'
import { asProblem } from '../problems/problem.js'
import { logProblem, setProblemHeaders } from '../problems/render.js'

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
  links: readonly Link[],
) {
  const problem = asProblem(error)
  logProblem(request, problem)
  setProblemHeaders(reply, problem.code, problem.details)
  const { title } = problemKinds[problem.code]
  const page = { title, text: problem.message, links, note: `Request ${request.id}` }
  return sendPage(reply.code(problem.statusCode), page)
}

interface Link {
  href: string
  text: string
}

/** Shows a person one thing. */
export function sendPage(
  reply: FastifyReply,
  { title, text, links = [], note }: { title: string; text: string; links?: readonly Link[]; note?: string },
) {
  const ways = links.map((link) => `<a href="${escapeHtml(link.href)}">${escapeHtml(link.text)}</a>`)
  const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>
${ways.length === 0 ? '' : `<p>${ways.join(' or ')}</p>`}
${note === undefined ? '' : `<p><small>${escapeHtml(note)}</small></p>`}</body></html>`
  return reply
    .headers({ 'content-security-policy': contentSecurityPolicy, 'cache-control': 'no-store' })
    .type('text/html; charset=utf-8')
    .send(body)
}

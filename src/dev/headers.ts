import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { script, style } from './pages.js'

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/**
 * The policy of every answer of this room.
 * @param origin of the clients: Chromium holds a form's `form-action` against each redirect after it, too
 */
export function contentSecurityPolicy(origin: string, options: { runsScript: boolean }): string {
  return [
    "default-src 'none'",
    // Named even when empty: oidc-provider adds the hash of its own page's script to it.
    options.runsScript ? `script-src ${hashOf(script)}` : 'script-src',
    `style-src ${hashOf(style)}`,
    'img-src data:',
    `form-action 'self' ${origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** Sets what every answer of this room carries, in place of what the service around it has set. */
export function setSecurityHeaders(reply: FastifyReply, origin: string) {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': contentSecurityPolicy(origin, { runsScript: false }),
    // Swagger UI signs in through a popup: any other value here would cut it off from the page that opened it.
    'cross-origin-opener-policy': 'unsafe-none',
    // Not 'no-referrer': that makes browsers send `Origin: null` with the forms.
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
}

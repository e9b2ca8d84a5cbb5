import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { SignInRefused } from '../support/browser-flow.js'

/** What no answer may hold, whatever went wrong. */
export function expectNothingInternal(body: string) {
  expect(body).not.toMatch(/node_modules|\.js:\d|\bat [\w.<>]+ \(/)
  expect(body).not.toContain('a secret:')
}

/** Whether the policy lets the page's own style and script work. */
export function expectPolicyFits({ headers, body }: { headers: Headers; body: string }) {
  const policy = headers.get('content-security-policy') ?? ''
  for (const [, name, content = ''] of body.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g)) {
    const directive = policy.split(';').find((part) => part.trim().startsWith(`${name}-src`))
    expect(directive).toContain(`'sha256-${createHash('sha256').update(content).digest('base64')}'`)
  }
  expect(policy).not.toContain('unsafe')
  expect(policy).toContain("frame-ancestors 'none'")
  expect(headers.get('cache-control')).toBe('no-store')
}

/** The page shown instead of going back to the client. */
export async function expectRefused(attempt: Promise<unknown>) {
  const error = await attempt.then(
    () => expect.fail('the sign-in was accepted'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof SignInRefused)) throw error
  expectNothingInternal(error.page.body)
  return error.page
}

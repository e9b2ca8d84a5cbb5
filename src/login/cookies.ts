/** The names of the cookies; the prefix binds them to this host alone, and browsers take it only over https. */
export function cookieNames(publicUrl: string) {
  const prefix = publicUrl.startsWith('https:') ? '__Host-' : ''
  return { session: `${prefix}latchkey_session`, pendingLogins: `${prefix}latchkey_login` }
}

/** What every cookie of this service has in common: it follows the public URL, since TLS may end in front of it. */
export const cookieOptions = (publicUrl: string) =>
  ({ path: '/', httpOnly: true, sameSite: 'lax', secure: publicUrl.startsWith('https:') }) as const

/** The names of the cookies; the prefix binds them to this host alone, and browsers take it only over https. */
export function cookieNames(publicUrl: string) {
  const prefix = publicUrl.startsWith('https:') ? '__Host-' : ''
  const pendingLogins = `${prefix}latchkey_login_`
  return {
    session: `${prefix}latchkey_session`,
    /** How the cookies of logins under way begin. */
    pendingLogins,
    /**
     * One cookie for each login under way: two tabs that begin at the same moment do not overwrite each other's.
     * The beginning of the state tells them apart; all of it is compared later.
     */
    pendingLogin: (state: string) => pendingLogins + state.slice(0, 16),
  }
}

/** What every cookie of this service has in common: it follows the public URL, since TLS may end in front of it. */
export const cookieOptions = (publicUrl: string) =>
  ({ path: '/', httpOnly: true, sameSite: 'lax', secure: publicUrl.startsWith('https:') }) as const

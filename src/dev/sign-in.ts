import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type Provider from 'oidc-provider'
import type { Interaction } from 'oidc-provider'
import { type DevelopmentAccount, findSignedInAccount } from './accounts.js'
import { endpoints, type Locations, realmPath } from './locations.js'
import { errorPage, signInPage } from './pages.js'

/** Whether one more attempt is allowed. */
export interface SignInRateDecision {
  allowed: boolean
  retryAfterSeconds: number
}

export interface SignInOptions {
  provider: Provider
  locations: Locations
  accounts: readonly DevelopmentAccount[]
  signInRate: (request: FastifyRequest) => SignInRateDecision | Promise<SignInRateDecision>
}

interface SignInRoute {
  Params: { uid: string }
  /** Absent when a request has none. */
  Body?: URLSearchParams
}

/** The form where people sign in. A refusal never says whether the name, the password or the account is at fault. */
export async function addSignInForm(scope: FastifyInstance, options: SignInOptions) {
  const { provider, locations, accounts, signInRate } = options
  const url = `${realmPath}${endpoints.signIn}/:uid`

  scope.get<SignInRoute>(url, async (request, reply) => {
    const interaction = await findInteraction(provider, request, reply)
    if (interaction === null) return sendExpired(reply, locations)
    // Asked for by `prompt=consent`: there is nothing to choose, so it is given without a page.
    if (interaction.prompt.name === 'consent') return giveConsent(provider, request, reply)
    return sendPage(reply, 200, showForm(interaction, interaction.params.login_hint))
  })

  scope.post<SignInRoute>(url, async (request, reply) => {
    const { allowed, retryAfterSeconds } = await signInRate(request)
    if (!allowed) return sendTooManyAttempts(reply, retryAfterSeconds, locations)
    const interaction = await findInteraction(provider, request, reply)
    if (interaction === null) return sendExpired(reply, locations)

    const username = request.body?.get('username') ?? ''
    const password = request.body?.get('password') ?? ''
    const account = findSignedInAccount(accounts, username, password)
    if (account === null) {
      return sendPage(reply, 401, showForm(interaction, username, 'Invalid username or password.'))
    }
    const result = { login: { accountId: account.sub } }
    const next = await provider.interactionResult(request.raw, reply.raw, result, {
      mergeWithLastSubmission: false,
    })
    return reply.redirect(next, 303)
  })

  const showForm = ({ uid, params }: Interaction, username?: string, error?: string) =>
    signInPage({
      action: locations.signInPath(uid),
      clientId: params.client_id,
      accounts,
      ...(username === undefined ? {} : { username }),
      ...(error === undefined ? {} : { error }),
    })
}

/**
 * The one that the browser's cookie names, whose path is that of this form. `null` when it has expired, is
 * finished, or was begun in another browser.
 */
async function findInteraction(
  provider: Provider,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Interaction | null> {
  try {
    return await provider.interactionDetails(request.raw, reply.raw)
  } catch (error) {
    if (error instanceof Error && error.name === 'SessionNotFound') return null
    throw error
  }
}

async function giveConsent(provider: Provider, request: FastifyRequest, reply: FastifyReply) {
  const next = await provider.interactionResult(
    request.raw,
    reply.raw,
    { consent: {} },
    { mergeWithLastSubmission: true },
  )
  return reply.redirect(next, 303)
}

const sendExpired = (reply: FastifyReply, { startAgain }: Locations) =>
  sendPage(
    reply,
    400,
    errorPage('This sign-in is over', 'It has expired, or was begun in another browser.', startAgain),
  )

function sendTooManyAttempts(reply: FastifyReply, retryAfterSeconds: number, { startAgain }: Locations) {
  reply.header('retry-after', retryAfterSeconds)
  const reason = `Try again in ${retryAfterSeconds} seconds.`
  return sendPage(reply, 429, errorPage('Too many attempts', reason, startAgain))
}

/** Answers with one of pages.ts. */
export function sendPage(reply: FastifyReply, status: number, html: string) {
  return reply.code(status).type('text/html; charset=utf-8').send(html)
}

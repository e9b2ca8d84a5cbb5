import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type Provider from 'oidc-provider'
import type { Interaction } from 'oidc-provider'
import { type DevelopmentAccount, findSignedInAccount } from './accounts.js'
import { contentSecurityPolicy } from './headers.js'
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
    // Asked for by `prompt=consent`, and for the command line: there is nothing to choose, so no page asks.
    if (interaction.prompt.name === 'consent') return giveConsent(provider, request, reply)
    return sendForm(reply, 200, interaction, interaction.params.login_hint)
  })

  const onRequest = refuseTooManyAttempts(signInRate, locations)
  scope.post<SignInRoute>(url, { onRequest }, async (request, reply) => {
    const interaction = await findInteraction(provider, request, reply)
    if (interaction === null) return sendExpired(reply, locations)

    const username = request.body?.get('username') ?? ''
    const password = request.body?.get('password') ?? ''
    const account = findSignedInAccount(accounts, username, password)
    if (account === null) {
      return sendForm(reply, 401, interaction, username, 'Invalid username or password.')
    }
    const result = { login: { accountId: account.sub } }
    const next = await provider.interactionResult(request.raw, reply.raw, result, {
      mergeWithLastSubmission: false,
    })
    return reply.redirect(next, 303)
  })

  const sendForm = (
    reply: FastifyReply,
    status: number,
    asked: Interaction,
    username?: string,
    error?: string,
  ) => {
    const { uid, params } = asked
    letGoTo(reply, params.redirect_uri, locations)
    const page = {
      action: locations.signInPath(uid),
      clientId: params.client_id,
      accounts,
      ...(username === undefined ? {} : { username }),
      ...(error === undefined ? {} : { error }),
    }
    return sendPage(reply, status, signInPage(page))
  }
}

/** Lets the form lead to a client of another origin, as the command line's is; none leads to a device. */
function letGoTo(reply: FastifyReply, redirectUri: string | undefined, { origin }: Locations) {
  const client = redirectUri === undefined ? origin : new URL(redirectUri).origin
  if (client === origin) return
  const policy = contentSecurityPolicy(`${origin} ${client}`, { runsScript: false })
  reply.header('content-security-policy', policy)
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

/** For every form by which somebody could guess: passwords, and codes of devices. */
export function refuseTooManyAttempts(signInRate: SignInOptions['signInRate'], { startAgain }: Locations) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const { allowed, retryAfterSeconds } = await signInRate(request)
    if (allowed) return
    reply.header('retry-after', retryAfterSeconds)
    const reason = `Try again in ${retryAfterSeconds} seconds.`
    return sendPage(reply, 429, errorPage('Too many attempts', reason, startAgain))
  }
}

/** Answers with one of pages.ts. */
export function sendPage(reply: FastifyReply, status: number, html: string) {
  return reply.code(status).type('text/html; charset=utf-8').send(html)
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { JWK } from 'jose'
import * as oidc from 'openid-client'
import { afterEach } from 'vitest'
import {
  type DevelopmentAccount,
  developmentAccounts,
  type EmbeddedIdentityProviderOptions,
  embeddedIdentityProvider,
  embeddedIssuer,
  embeddedPrefix,
  generateSigningKey,
} from '../../src/dev/index.js'
import { type Browser, createBrowser, type SignInOptions, signIn } from '../support/browser-flow.js'

export const serviceClient = { id: 'latchkey', secret: 'a secret: with %, + and &' }
export const swaggerClientId = 'latchkey-swagger'
export const cliClientId = 'latchkey-cli'
/** Made once: a new RSA key takes longer than most tests. */
export const signingKey: JWK = await generateSigningKey()

export interface Running {
  app: FastifyInstance
  publicUrl: string
  issuer: string
  accounts: DevelopmentAccount[]
  endpoint(name: 'auth' | 'token' | 'certs' | 'userinfo' | 'logout' | 'revoke' | 'token/introspect'): string
}

export interface World extends Running {
  /** openid-client as the service uses it. */
  service: oidc.Configuration
}

export interface WorldOptions extends Partial<EmbeddedIdentityProviderOptions> {
  port?: number
  server?: FastifyServerOptions
  /** Registers what the service around the room brings. */
  around?(app: FastifyInstance): Promise<void> | void
}

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

/** A service with the embedded identity provider, listening, and its client; it is closed after the test. */
export async function aWorld(options: WorldOptions = {}): Promise<World> {
  const running = await aProvider(options)
  return { ...running, service: await discover(running.issuer) }
}

/** The same without its client, for addresses that lead nowhere. */
export async function aProvider({ port, server, around, ...options }: WorldOptions = {}): Promise<Running> {
  const ownPort = port ?? (await findFreePort())
  const publicUrl = options.publicUrl ?? `http://127.0.0.1:${ownPort}`
  const accounts = structuredClone(developmentAccounts)
  const app = Fastify({ forceCloseConnections: true, ...server })
  opened.push(app)
  await around?.(app)
  await app.register(embeddedIdentityProvider, {
    prefix: embeddedPrefix,
    serviceClient,
    swaggerClientId,
    cliClientId,
    adminRole: 'latchkey-admin',
    signingKey,
    accounts,
    ...options,
    publicUrl,
  })
  await app.listen({ host: '127.0.0.1', port: ownPort })

  const issuer = embeddedIssuer(publicUrl)
  return {
    app,
    publicUrl,
    issuer,
    accounts,
    endpoint: (name) => `${issuer}/protocol/openid-connect/${name}`,
  }
}

/** Stops one before the end of its test, and waits until no connection of `fetch` is left to it. */
export async function stop({ app, issuer }: Running) {
  await app.close()
  for (let isStopped = false; !isStopped; ) {
    isStopped = await fetch(issuer).then(
      () => false,
      (error: Error) =>
        error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'ECONNREFUSED',
    )
  }
}

function discover(issuer: string) {
  return oidc.discovery(
    new URL(issuer),
    serviceClient.id,
    undefined,
    oidc.ClientSecretBasic(serviceClient.secret),
    { execute: [oidc.allowInsecureRequests] },
  )
}

/** A port that nobody listens on. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo // Listening on TCP, so never a string.
      server.close(() => resolve(port))
    })
  })
}

/** A login that the service has begun. */
export async function beginLogin({ publicUrl, service }: World, parameters: Record<string, string> = {}) {
  const verifier = oidc.randomPKCECodeVerifier()
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()]
  const authorizationUrl = oidc.buildAuthorizationUrl(service, {
    redirect_uri: `${publicUrl}/auth/callback`,
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  })
  const finish = (callback: URL) =>
    oidc.authorizationCodeGrant(service, callback, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
  return { authorizationUrl, verifier, finish }
}

/** Signs in and exchanges the code, as the service does. */
export async function logIn(
  world: World,
  options: Partial<SignInOptions> & { parameters?: Record<string, string> } = {},
) {
  const { parameters, browser = createBrowser(), ...who } = options
  const login = await beginLogin(world, parameters)
  const { authorizationUrl } = login
  const callback = await signIn({
    authorizationUrl,
    username: 'alice',
    password: 'alice-pw',
    browser,
    ...who,
  })
  return { browser, callback, tokens: await login.finish(callback) }
}

/** Whether the browser would be asked for a password now. */
export async function isAskedForPassword(world: World, browser: Browser): Promise<boolean> {
  const { authorizationUrl } = await beginLogin(world)
  const shown = await browser.visit(authorizationUrl, {}, ({ pathname }) =>
    pathname.endsWith('/auth/callback'),
  )
  return !(shown instanceof URL) && shown.body.includes('id="kc-login"')
}

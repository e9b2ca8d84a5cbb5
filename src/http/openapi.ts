import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { loginBar, loginBarStyle } from './docs-page.js'

export interface OpenApiOptions {
  publicUrl: string
  /** Where Swagger UI sends people to log in, and gets its tokens, as which client; null: nobody logs in. */
  login: { issuer: string; swaggerClientId: string } | null
  version: string
  sessionCookie: string
  /** Where the services are that `/docs/services.json` tells of. Default: there are none. */
  gatewayUrl?: string | undefined
}

const errors = 'Errors are problem documents (RFC 9457).'
const description = `API keys for scripts that outlive a login. Log in, create a key, and send it as \`X-API-Key\`.

Operations on keys take the session of this site once you are logged in (the bar at the top), or an OAuth2 token of the
identity provider. The catalogue takes a token or an API key: press **Authorize**. ${errors}`
const singleUserDescription = `API keys for one person, who has one key with all rights: the start of the service printed it.

Operations on keys take the session of this site, once you have opened the URL with that key, or the key itself as \`X-API-Key\`; the
catalogue takes any key: press **Authorize**. ${errors}`

/** The OpenAPI document at \`/docs/json\`, and Swagger UI at \`/docs\` with its three locks. */
async function openApi(app: FastifyInstance, options: OpenApiOptions) {
  const { publicUrl, login, gatewayUrl } = options
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version: options.version,
        description: login === null ? singleUserDescription : description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: publicUrl }],
      tags: [
        { name: 'API-Key Manager', description: 'Your API keys.' },
        {
          name: 'Administration',
          description:
            'Keys of anyone, services and their groups. For administrators who are logged in; a server key that was given their role works too, a person’s key never.',
        },
        { name: 'Check', description: 'For services that cannot install the hook: whether a key is good.' },
        {
          name: 'Catalogue',
          description: 'An example of a protected service: a STAC API of Sentinel products.',
        },
        { name: 'Discovery', description: 'For programs that log people in.' },
        { name: 'Health', description: 'For who runs the service.' },
      ],
      components: {
        securitySchemes: {
          ...(login === null ? {} : { oauth2: describeLogin(login.issuer) }),
          apiKey: {
            type: 'apiKey',
            in: 'header',
            name: 'X-API-Key',
            description:
              'The value of an API key. `Authorization: Apikey <value>` and `Bearer <value>` work as well.',
          },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: options.sessionCookie,
            description: 'Nothing to enter: the browser sends it once you are logged in.',
          },
        },
      },
    },
    transformObject: freeBodies,
    // Components keep the names of their schemas.
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`),
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: new URL(publicUrl).pathname.replace(/\/$/, ''),
    ...(login === null ? {} : { initOAuth: describeClient(login.swaggerClientId) }),
    uiConfig: {
      // Services come and go: the page asks which there are when it is opened.
      ...(gatewayUrl === undefined ? {} : { configUrl: `${publicUrl}/docs/services.json` }),
      requestInterceptor: preferToken,
      displayRequestDuration: true,
      persistAuthorization: false,
      tryItOutEnabled: false,
      deepLinking: true,
    },
    theme: {
      title: 'Latchkey',
      js: [{ filename: 'login-bar.js', content: loginBar(publicUrl, login !== null) }],
      css: [{ filename: 'login-bar.css', content: loginBarStyle }],
    },
    staticCSP: contentSecurityPolicy({
      issuer: login === null ? [] : [new URL(login.issuer).origin],
      gateway: gatewayUrl === undefined ? [] : [new URL(gatewayUrl).origin],
    }),
  })
  // In single-user mode this page is the way in.
  if (login !== null) {
    app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(`${publicUrl}/docs`, 302))
  }
}

function describeLogin(issuer: string) {
  const endpoints = `${issuer.replace(/\/$/, '')}/protocol/openid-connect`
  return {
    type: 'oauth2',
    description: 'Log in at the identity provider.',
    flows: {
      authorizationCode: {
        authorizationUrl: `${endpoints}/auth`,
        tokenUrl: `${endpoints}/token`,
        refreshUrl: `${endpoints}/token`,
        scopes: { openid: 'Who you are', profile: 'Your name', email: 'Your e-mail address' },
      },
    },
  } as const
}

const describeClient = (clientId: string) => ({
  clientId,
  appName: 'Latchkey',
  scopes: ['openid', 'profile', 'email'],
  usePkceWithAuthorizationCodeGrant: true,
})

/** Asked without a body, these do what they do with one that has no members. */
const bodiesMayLack = [
  '/api-keys/{id}/revoke',
  '/api-keys/{id}/renew',
  '/api-keys/{id}/rotate',
  '/admin/api-keys/{id}/revoke',
  '/admin/api-keys/{id}/renew',
  '/admin/api-keys/{id}/rotate',
  '/admin/users/{subject}/api-keys/revoke',
]

/** @fastify/swagger calls every body required. */
const freeBodies: SwaggerTransformObject = (documents) => {
  if (!('openapiObject' in documents)) return documents.swaggerObject
  const { openapiObject: document } = documents
  for (const path of bodiesMayLack) {
    const body = document.paths?.[path]?.post?.requestBody
    if (body !== undefined && 'content' in body) body.required = false
  }
  return document
}

/**
 * Swagger UI sends every lock that is closed, and a key decides before a token: who closed both could show and
 * revoke only the key itself. Runs in the browser, so it must need nothing around it.
 */
function preferToken<T extends object>(request: T): T {
  const { url, headers } = request as { url: string; headers: Record<string, string> }
  if (headers.Authorization && /\/api-keys(\/|$|\?)/.test(url)) delete headers['X-API-Key']
  return request
}

/**
 * What Swagger UI and its redirect page need, and nothing else. A form's redirects must be allowed as well: a
 * logout goes on to the identity provider and back.
 */
function contentSecurityPolicy({ issuer, gateway }: Record<'issuer' | 'gateway', string[]>): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    ['connect-src', "'self'", ...issuer, ...gateway].join(' '),
    ['form-action', "'self'", ...issuer].join(' '),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

export default fp(openApi, { name: 'latchkey-openapi', fastify: '5.x' })

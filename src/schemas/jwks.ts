import Type, { type Static } from 'typebox'

const publicKey = Type.Object({
  kid: Type.String({ description: 'What a JWT names in its header.' }),
  kty: Type.String(),
  crv: Type.String(),
  x: Type.String(),
  y: Type.String(),
  alg: Type.String(),
  use: Type.String(),
})
export type PublicKey = Static<typeof publicKey>

/** The public keys that this service signs with (RFC 7517). */
export const jwksSchema = Type.Object(
  {
    keys: Type.Array(publicKey),
  },
  {
    $id: 'SigningKeys',
    additionalProperties: false,
    description: 'Public keys (RFC 7517).',
    examples: [
      {
        keys: [
          {
            kid: 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
            kty: 'EC',
            crv: 'P-256',
            x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
            y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
            alg: 'ES256',
            use: 'sig',
          },
        ],
      },
    ],
  },
)

import Type, { type Static } from 'typebox'

/** What a program must know to log somebody in for this service (RFC 9728). */
export const resourceMetadataSchema = Type.Object(
  {
    resource: Type.String({ description: 'This service.' }),
    authorization_servers: Type.Optional(
      Type.Array(Type.String(), { description: 'The issuer that logs people in, if one does.' }),
    ),
    bearer_methods_supported: Type.Array(Type.Literal('header'), {
      description: 'How an OAuth2 token is presented.',
    }),
    resource_name: Type.String(),
    resource_documentation: Type.String(),
    latchkey_cli_client_id: Type.Optional(
      Type.String({ description: 'The public client of the command line at the issuer.' }),
    ),
    latchkey_single_user: Type.Optional(
      Type.Boolean({ description: 'True: nobody logs in, there is one person, who has one key.' }),
    ),
    latchkey_gateway_url: Type.Optional(
      Type.String({ description: 'Where the services behind the gateway are, if there is one.' }),
    ),
  },
  {
    $id: 'ResourceMetadata',
    additionalProperties: false,
    description: 'Metadata of a protected resource (RFC 9728).',
    examples: [
      {
        resource: 'https://keys.example.org',
        authorization_servers: ['https://keycloak.example.org/realms/platform'],
        bearer_methods_supported: ['header'],
        resource_name: 'Latchkey',
        resource_documentation: 'https://keys.example.org/docs',
        latchkey_cli_client_id: 'latchkey-cli',
        latchkey_gateway_url: 'https://gateway.example.org',
      },
    ],
  },
)
export type ResourceMetadata = Static<typeof resourceMetadataSchema>

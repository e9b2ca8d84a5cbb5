import Type, { type Static } from 'typebox'
import { nullable, paragraphLine, ref } from './common.js'

export const scopeSchema = Type.Object(
  {
    scope: Type.String({ description: '`inherit`, or a right of yours.' }),
    description: nullable(Type.String(), 'What it allows; null: nobody has told.'),
  },
  {
    $id: 'Scope',
    additionalProperties: false,
    description: 'What a key can be given.',
    examples: [{ scope: 'latchkey:catalog_read', description: 'Read the catalogue.' }],
  },
)

export const scopeListSchema = Type.Object(
  { items: Type.Array(ref(scopeSchema)) },
  {
    $id: 'ScopeList',
    additionalProperties: false,
    examples: [
      {
        items: [
          { scope: 'inherit', description: 'All that you may do, as it is at each use.' },
          { scope: 'latchkey:catalog_read', description: 'Read the catalogue.' },
          { scope: 'rspy-user', description: null },
        ],
      },
    ],
  },
)
export type ScopeList = Static<typeof scopeListSchema>

/** The operator's file of what rights mean. */
export const scopeDescriptionsFileSchema = Type.Object(
  {},
  {
    additionalProperties: Type.String({ minLength: 1, maxLength: 500, ...paragraphLine }),
  },
)
export type ScopeDescriptionsFile = Record<string, string>

/** The named components of the document, in an order in which each refers only to those before it. */
export const scopeSchemas = [scopeSchema, scopeListSchema]

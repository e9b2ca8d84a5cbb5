import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import { hasValidChecksum, readKeyId } from '../../src/keys/value.js'
import { namedSchemas } from '../../src/schemas/index.js'
import {
  createKeySchema,
  keySchema,
  keyStatuses,
  keyWithValueSchema,
  listKeysSchema,
  renewKeySchema,
  revokeKeySchema,
  rotateKeySchema,
  updateKeySchema,
} from '../../src/schemas/key.js'

const ajv = new Ajv({ strict: false, allErrors: true })
// ajv-formats is CommonJS: its types say `default` where Node hands out the function itself.
;(addFormats as unknown as (ajv: Ajv) => void)(ajv)
ajv.addFormat('ip-range', true)
ajv.addFormat('well-formed', true)
for (const schema of namedSchemas) ajv.addSchema(schema)

interface Annotated {
  $id?: string
  examples?: unknown[]
}
// The names and examples of a schema are there, but not in its type.
const named = (namedSchemas as Annotated[]).map((schema): [string, Annotated] => [schema.$id ?? '', schema])

test.each(named)('every example of %s is one', (id, { examples = [] }) => {
  for (const example of examples) {
    ajv.validate(id, example)
    expect(ajv.errors).toBeNull()
  }
})

test('the value of the examples has the shape and the checksum of a value', () => {
  const { examples } = keyWithValueSchema as Annotated
  const [example] = examples as [{ id: string; value: string }]

  expect(readKeyId(example.value, 'lk')).toBe(example.id)
  expect(hasValidChecksum(example.value)).toBe(true)
})

test('a key has the members of the contract, and one more for old values', () => {
  expect(Object.keys(keySchema.properties).sort()).toEqual(
    [
      ...[
        'id',
        'name',
        'note',
        'kind',
        'owner',
        'status',
        'enabled',
        'created_at',
        'expires_at',
        'never_expires',
      ],
      ...['revoked_at', 'revoked_by', 'scopes', 'read_only', 'groups', 'services', 'limits', 'jwt'],
      ...['allowed_referers', 'allowed_ips', 'config', 'usage', 'previous_values'],
    ].sort(),
  )
  expect(keySchema.properties).not.toHaveProperty('value')
  expect(keyStatuses).toEqual(['revoked', 'owner_disabled', 'disabled', 'expired', 'active'])
})

test('what may be wished at creation is what the contract lists, with its defaults', () => {
  const { properties } = createKeySchema
  const defaults = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, (schema as { default?: unknown }).default]),
  )

  expect(defaults).toEqual({
    name: undefined,
    never_expires: false,
    config: {},
    allowed_referers: [],
    allowed_ips: [],
    scopes: ['inherit'],
    note: '',
    read_only: false,
    expires_in: undefined,
    jwt: false,
  })
  expect(createKeySchema.required).toEqual(['name'])
})

test.each([
  ['RevokeApiKey', revokeKeySchema],
  ['RenewApiKey', renewKeySchema],
  ['RotateApiKey', rotateKeySchema],
  ['the query of a list', listKeysSchema],
])('%s asks for no member at all', (_name, schema) => {
  expect((schema as { required?: string[] }).required ?? []).toEqual([])
})

test('what may be changed afterwards gives no key a right, a life or an owner', () => {
  expect(Object.keys(updateKeySchema.properties).sort()).toEqual(
    ['name', 'note', 'enabled', 'allowed_referers', 'allowed_ips', 'config'].sort(),
  )
})

/** Read by programs that may be older than this service, and so open to what is added. */
const readByOthers = ['Problem', 'KeyVerdict']

test.each(named)('%s lets no member through that it does not name', (id, schema) => {
  if (!('properties' in schema) || readByOthers.includes(String(id))) return
  expect(schema).toHaveProperty('additionalProperties', false)
})

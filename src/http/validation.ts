import { toUSVString } from 'node:util'
import { Ajv, type Options, type SchemaObject } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { isIpRange } from '../addresses.js'
import { namedSchemas } from '../schemas/index.js'

/**
 * Bodies are taken as they are: a wrong type or an unknown member is refused. Everything in a URL is text, so
 * there types are converted.
 */
export function setValidation(app: FastifyInstance): void {
  const strict = createValidator()
  const lenient = createAjv({ coerceTypes: 'array' })
  for (const schema of namedSchemas) app.addSchema(schema)
  const compile: FastifySchemaCompiler<SchemaObject> = ({ schema, httpPart }) =>
    (httpPart === 'body' ? strict : lenient).compile(schema)
  app.setValidatorCompiler(compile)
}

/** Takes JSON as it is, refuses what is not declared, and fills in defaults. */
export const createValidator = (): Ajv => createAjv({ coerceTypes: false })

function createAjv(options: Options): Ajv {
  const ajv = new Ajv({
    ...options,
    useDefaults: true,
    removeAdditional: false,
    allErrors: true,
    strict: false,
  })
  // ajv-formats is CommonJS: its types say `default` where Node hands out the function itself.
  const add = addFormats as unknown as (ajv: Ajv) => void
  add(ajv)
  ajv.addFormat('ip-range', isIpRange)
  ajv.addFormat('well-formed', (text: string) => toUSVString(text) === text)
  for (const schema of namedSchemas) ajv.addSchema(schema)
  return ajv
}

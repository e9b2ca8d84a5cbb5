import { Ajv, type Options, type SchemaObject } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { isIpRange } from '../addresses.js'
import { namedSchemas } from '../schemas/index.js'
import { memoizeByText } from './memoize.js'
import { addTexts } from './texts.js'

/**
 * Bodies are taken as they are: a wrong type or an unknown member is refused. Everything in a URL is text, so
 * there types are converted.
 */
export function setValidation(app: FastifyInstance): void {
  for (const schema of namedSchemas) app.addSchema(schema)
  const compile: FastifySchemaCompiler<SchemaObject> = ({ schema, httpPart }) =>
    (httpPart === 'body' ? compileStrict : compileLenient)(schema)
  app.setValidatorCompiler(compile)
}

/**
 * Compiles each schema once a process, because the compiling is a quarter of a start. A validator depends on its
 * schema's text and on `namedSchemas`, never on the route or the app.
 */
const createCompiler = (options: Options) => {
  let ajv: Ajv | undefined
  return memoizeByText((schema: SchemaObject) => {
    ajv ??= createAjv(options)
    return ajv.compile(schema)
  })
}

const compileStrict = createCompiler({ coerceTypes: false })
const compileLenient = createCompiler({ coerceTypes: 'array' })

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
  addTexts(ajv)
  for (const schema of namedSchemas) ajv.addSchema(schema)
  return ajv
}

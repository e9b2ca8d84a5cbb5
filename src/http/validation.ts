import { Ajv, type ErrorObject, type Options, type SchemaObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { isIpRange } from '../addresses.js'
import { namedSchemas } from '../schemas/index.js'
import { memoizeByText } from './memoize.js'
import { addTexts } from './texts.js'

/** A body of usual size has fewer. Above it, faults are not collected, because each takes memory and time. */
const maxMembersForAllFaults = 2000

/**
 * Bodies are taken as they are: a wrong type or an unknown member is refused. Everything in a URL is text, so
 * there types are converted.
 */
export function setValidation(app: FastifyInstance): void {
  for (const schema of namedSchemas) app.addSchema(schema)
  const compile: FastifySchemaCompiler<SchemaObject> = ({ schema, httpPart }) =>
    (httpPart === 'body' ? compileStrict : compileLenient)(schema)
  app.setValidatorCompiler(compile)
  // Fastify's own joins the messages of all faults. Nobody reads that text: `asProblem` describes the faults.
  app.setSchemaErrorFormatter(() => new Error('The input is invalid'))
}

/**
 * Compiles each schema once a process, because the compiling is a quarter of a start. A validator depends on its
 * schema's text and on `namedSchemas`, never on the route or the app.
 */
const createCompiler = (options: Options) => {
  let every: Ajv | undefined
  let first: Ajv | undefined
  return memoizeByText((schema: SchemaObject) => {
    every ??= createAjv(options)
    return boundFaults(every.compile(schema), () => {
      first ??= createAjv({ ...options, allErrors: false })
      return first.compile(schema)
    })
  })
}

/**
 * Returns a validator that finds every fault of an input of usual size, and the first fault of a larger one.
 * @param compileFirst called once, for the first input that is larger
 */
function boundFaults(findEvery: ValidateFunction, compileFirst: () => ValidateFunction) {
  let findFirst: ValidateFunction | undefined
  const validate: BoundedValidator = (input) => {
    let find = findEvery
    if (hasManyMembers(input)) {
      findFirst ??= compileFirst()
      find = findFirst
    }
    const isValid = find(input)
    validate.errors = find.errors ?? null
    return isValid
  }
  return validate
}

interface BoundedValidator {
  (input: unknown): boolean
  errors?: ErrorObject[] | null
}

function hasManyMembers(input: unknown): boolean {
  const open = [input]
  let count = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue
    // Names alone at first: of an object with thousands of members, values take twice the time.
    count += Array.isArray(next) ? next.length : Object.keys(next).length
    if (count > maxMembersForAllFaults) return true
    const members: unknown[] = Array.isArray(next) ? next : Object.values(next)
    for (const member of members) if (typeof member === 'object' && member !== null) open.push(member)
  }
  return false
}

const compileStrict = createCompiler({ coerceTypes: false })
const compileLenient = createCompiler({ coerceTypes: 'array' })

/** Takes JSON as it is, refuses what is not declared, and fills in defaults. */
export const createValidator = (): Ajv => createAjv({ coerceTypes: false })

function createAjv(options: Options): Ajv {
  const ajv = new Ajv({
    allErrors: true,
    ...options,
    useDefaults: true,
    removeAdditional: false,
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

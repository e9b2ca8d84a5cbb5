import { isIP } from 'node:net'
import { Ajv, type ErrorObject } from 'ajv'
import { type Environment, environment, off, settings } from './settings.js'

const ajv = new Ajv({
  allErrors: true,
  coerceTypes: true,
  useDefaults: true,
  removeAdditional: false,
  keywords: ['must'],
})
const validateEnvironment = ajv.compile(environment)

/** Parses the variables by the schema of the settings; each fault is added to `faults`, by name and without its value. */
export function parseEnvironment(env: NodeJS.ProcessEnv, faults: string[]): Environment {
  const values: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(settings)) {
    const value = env[name]?.trim()
    if (value === undefined || value === '') continue
    const items = value.split(/[\s,]+/).filter((item) => item !== '')
    if (!('items' in schema)) values[name] = value
    else if (items.length > 0) values[name] = items
  }
  if (!validateEnvironment(values)) {
    for (const error of validateEnvironment.errors ?? []) {
      const [, name = ''] = error.instancePath.split('/')
      const { default: fallback, must } = Reflect.get(settings, name) ?? {}
      faults.push(`${name} must ${must ?? describeDemand(error)}`)
      // The checks to come go on with the default, so that one start tells every fault.
      if (fallback !== undefined) values[name] = fallback
    }
  }
  // Checked just above; the caller throws when there are faults.
  return values as Environment
}

/** What the schema demands, in the words of whoever sets a variable, who sees neither JSON nor its types. */
function describeDemand({ keyword, params }: ErrorObject): string {
  if (keyword === 'enum') return `be ${listAlternatives(params.allowedValues)}`
  if (keyword === 'minLength') return `have at least ${params.limit} characters`
  if (keyword === 'minimum') return `be at least ${params.limit}`
  if (keyword === 'maximum') return `be at most ${params.limit}`
  if (params.type === 'integer') return 'be a whole number'
  if (params.type === 'boolean') return 'be true or false'
  return 'be as README tells'
}

const listAlternatives = (values: string[]) => values.join(', ').replace(/, ([^,]+)$/, ' or $1')

/** @returns undefined, with a fault, for a text that is no plain http or https URL */
export function parseUrl(name: string, value: string, faults: string[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.search + url.hash + url.username + url.password === ''
  )
    return url
  faults.push(`${name} must be an http or https URL without query, fragment or credentials`)
  return undefined
}

/** A host as it stands in a URL. */
export const urlHost = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)
/** Infinity: off. */
export const parseRate = (value: string) => (value === off ? Number.POSITIVE_INFINITY : Number(value))

import type { FastifyError } from 'fastify'

export interface InvalidMember {
  /** The member's name as in the request, nested ones joined by dots; empty for the whole. */
  path: string
  message: string
}

type Fault = NonNullable<FastifyError['validation']>[number]

/** Enough to mend the input: a body of nothing but faults must not get an answer larger than itself. */
const maxFaults = 50

/** Describes each fault of an input, at most the first 50. @param context names the whole, as `body` */
export const describeFaults = (faults: readonly Fault[], context: string): InvalidMember[] =>
  faults.slice(0, maxFaults).map((fault) => describeFault(fault, context))

/** RFC 6901 §4. */
const unescapePointer = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~')

/** @param context what is told of the whole, as `body` */
export function describeFault(fault: Fault, context: string): InvalidMember {
  const at = fault.instancePath.split('/').slice(1).map(unescapePointer)
  const { missingProperty, additionalProperty, allowedValue } = fault.params as Record<
    string,
    string | undefined
  >
  if (missingProperty !== undefined)
    return { path: [...at, missingProperty].join('.'), message: 'is required' }
  if (additionalProperty !== undefined) {
    return { path: [...at, additionalProperty].join('.'), message: 'is not a known member' }
  }
  const path = at.join('.')
  if (allowedValue !== undefined) return { path, message: `must be ${JSON.stringify(allowedValue)}` }
  return { path, message: `${path === '' ? `the ${context} ` : ''}${fault.message ?? 'is invalid'}` }
}

import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'

type BuildSerializer = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>['buildSerializer']
>

/**
 * As Fastify does it, but once for each schema: the operations share most of their answers, the errors above all, and
 * each would compile its own, which was most of what a start costs.
 */
export const buildSerializer: BuildSerializer = (externalSchemas, options) => {
  const compile = SerializerSelector()(externalSchemas, options)
  const compiled = new Map<string, ReturnType<typeof compile>>()
  return (route) => {
    const name = JSON.stringify(route.schema)
    const known = compiled.get(name) ?? compile(route)
    compiled.set(name, known)
    return known
  }
}

import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'
import { memoizeByText } from './memoize.js'

type BuildSerializer = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>['buildSerializer']
>
type Route = Parameters<ReturnType<BuildSerializer>>[0]

const buildFastifySerializer = SerializerSelector()

/**
 * Compiles serializers as Fastify does, but each schema once a process, because the compiling is most of a start:
 * routes share most of their answers, above all the errors, and the gateway shares schemas with the service.
 * A serializer depends on its schema's text and on the schemas that it may refer to, never on the route or the app.
 */
export const buildSerializer: BuildSerializer = (externalSchemas, options) =>
  findCompiler([externalSchemas, options])

const findCompiler = memoizeByText(([externalSchemas, options]: Parameters<BuildSerializer>) =>
  // A new compiler for each schema, because Fastify's own drops a schema that one with the same `$id` replaces.
  memoizeByText(
    (route: Route) => buildFastifySerializer(externalSchemas, options)(route),
    ({ schema }) => schema,
  ),
)

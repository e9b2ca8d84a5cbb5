import { defineConfig } from 'prisma/config'

// `prisma generate` insists on a schema-engine binary although it never runs it, and downloads one. Any
// existing file satisfies it, so a machine that reaches only the npm registry can build.
if (['generate', 'validate', 'format'].some((command) => process.argv.includes(command))) {
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath
}

const databaseUrl = process.env.DATABASE_URL

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(databaseUrl === undefined ? {} : { datasource: { url: databaseUrl } }),
})

import { fileURLToPath } from 'node:url'

/** The migrations of this checkout. */
export const migrationsDir = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

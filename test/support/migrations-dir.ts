import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// By the package's own name for its root, because the processes of the tests run this file from dist.
const packageFile = createRequire(import.meta.url).resolve('#package/package.json')

/** The migrations of this checkout. */
export const migrationsDir = join(dirname(packageFile), 'prisma', 'migrations')

import { adminSchemas } from './admin.js'
import { auditSchemas } from './audit.js'
import { problemSchema } from './common.js'
import { jwksSchema } from './jwks.js'
import { keySchemas } from './key.js'
import { linkSchemas } from './link.js'
import { meSchema } from './principal.js'
import { resourceMetadataSchema } from './resource-metadata.js'
import { scopeSchemas } from './scope.js'
import { serviceSchemas } from './service.js'
import { verdictSchemas } from './verdict.js'

/** Every schema that has a name in the document. */
export const namedSchemas = [
  problemSchema,
  meSchema,
  ...keySchemas,
  ...linkSchemas,
  ...scopeSchemas,
  ...serviceSchemas,
  ...verdictSchemas,
  ...adminSchemas,
  ...auditSchemas,
  jwksSchema,
  resourceMetadataSchema,
]

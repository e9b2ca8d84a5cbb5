import type { FastifyBaseLogger } from 'fastify'
import { DeclarationInvalid } from '../config/operator-files.js'
import { findGroupIds } from '../store/services.js'
import { applyServicesFile } from './apply-file.js'
import type { ServiceContext } from './context.js'

/** The groups and services that the operator declares. */
export interface FollowedServicesFile {
  /** @throws DeclarationInvalid · StoreUnavailable: nothing may start with what cannot be */
  apply(): Promise<void>
  /** The same while the service runs: what cannot be is logged, and what was there goes on. */
  reload(): Promise<void>
}

/** @param path of the file; undefined: the groups and services come through the API alone */
export function followServicesFile(
  context: ServiceContext,
  { path, log }: { path: string | undefined; log: FastifyBaseLogger },
): FollowedServicesFile {
  // One after the other: the last signal speaks of the newest file.
  let last: Promise<void> = Promise.resolve()

  return {
    apply: async () => {
      if (path !== undefined) await applyFile(path)
      await requireDefaultGroups(context)
    },
    reload: () => {
      last = last.then(() => reload())
      return last
    },
  }

  async function applyFile(file: string): Promise<void> {
    const changes = await applyServicesFile(context, file)
    log.info({ file, changes }, 'the file of services is applied')
  }

  async function reload(): Promise<void> {
    if (path === undefined) return
    try {
      await applyFile(path)
    } catch (error) {
      if (error instanceof DeclarationInvalid)
        log.error({ faults: error.faults }, 'the file of services is refused')
      else log.error({ err: error }, 'the file of services could not be applied')
    }
  }
}

/** A new key would be authorised on nothing, and one day on what somebody else gives that name. */
async function requireDefaultGroups({ db, defaultGroups }: ServiceContext): Promise<void> {
  const known = await findGroupIds(db.prisma, defaultGroups)
  const faults = defaultGroups
    .filter((id) => !known.has(id))
    .map((id) => `${id} is no service group: declare it in SERVICES_FILE, or make it before you name it here`)
  if (faults.length > 0) throw new DeclarationInvalid('DEFAULT_KEY_GROUPS', faults)
}

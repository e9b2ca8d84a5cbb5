import { resolve } from 'node:path'
import type { Config } from '../config/load.js'
import { generateSigningKey } from '../dev/index.js'
import { loadSecrets, type Secrets } from '../secrets/startup.js'
import { StoreUnavailable } from '../store/unavailable.js'

/** `DATA_DIR` does not serve; the message tells the operator why. */
export class CannotUseFolder extends Error {
  override readonly name = 'CannotUseFolder'
}

const folderFaults: Record<string, string> = {
  EACCES: 'the user that it runs as may not write there',
  EPERM: 'the user that it runs as may not write there',
  EROFS: 'it cannot be written to, for its file system is read-only or does not allow it',
  ENOENT: 'it cannot be made there',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its quota is spent',
}

/** Passes on what the work on `DATA_DIR` gives, or what is wrong with that folder. */
export async function requireFolder<T>({ dataDir, databaseUrl }: Config, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const { code = '' } = (error instanceof StoreUnavailable ? error.cause : error) as NodeJS.ErrnoException
    const fault = folderFaults[code]
    if (databaseUrl !== undefined || fault === undefined) throw error
    throw new CannotUseFolder(`The service cannot use the folder ${resolve(dataDir)} (DATA_DIR): ${fault}`)
  }
}

/** Finds the secrets in the settings; what they leave out, in the data folder, where it is made at the first start. */
export async function findSecrets(
  config: Config,
): Promise<Pick<Secrets, 'sessionSecret'> & Partial<Secrets>> {
  const { sessionSecret } = config
  if (config.databaseUrl !== undefined && sessionSecret !== undefined) return { sessionSecret }
  const secrets = await requireFolder(config, loadSecrets(config.dataDir, generateSigningKey))
  return { ...secrets, ...(sessionSecret === undefined ? {} : { sessionSecret }) }
}

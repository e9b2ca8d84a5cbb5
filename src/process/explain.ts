import { ConfigError } from '../config/load.js'
import { DeclarationInvalid } from '../config/operator-files.js'
import { SecretsUnreadable } from '../secrets/startup.js'
import { DirectoryInUse } from '../store/directory-lock.js'
import { FolderUnopenable } from '../store/embedded.js'
import { MigrationRefused } from '../store/migrate.js'
import { StoreUnavailable } from '../store/unavailable.js'
import { CannotUseFolder } from './data-folder.js'
import { CannotListen } from './listen.js'

/** Faults that whoever starts the service can mend: the sentence tells how, and a stack would only hide it. */
const mendable = [
  ConfigError,
  DeclarationInvalid,
  SecretsUnreadable,
  CannotListen,
  CannotUseFolder,
  DirectoryInUse,
  FolderUnopenable,
  MigrationRefused,
]

/** Returns what the operator is told of an error that ends the start. */
export function explain(error: unknown): string {
  if (error instanceof StoreUnavailable) {
    const { message, code } = error.cause as NodeJS.ErrnoException
    return `The database cannot be reached: ${message || code}`
  }
  if (error instanceof MigrationRefused && error.cause instanceof Error)
    return `${error.message}: ${error.cause.message}`
  if (mendable.some((fault) => error instanceof fault)) return (error as Error).message
  return String(error instanceof Error ? error.stack : error)
}

/** 78 is EX_CONFIG of sysexits: starting again changes nothing. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof ConfigError || error instanceof DeclarationInvalid ? 78 : 1

import type { Prisma } from './generated/client.js'

/**
 * The client of one transaction. Functions that take one run in their caller's transaction; outside of one, pass
 * `Database.prisma`.
 */
export type Tx = Prisma.TransactionClient & {
  /** Whether other processes use this database, so that changes are announced to them. False: embedded. */
  readonly announcesChanges: boolean
}

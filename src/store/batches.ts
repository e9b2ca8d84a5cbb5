import { StoreUnavailable } from './unavailable.js'

export interface BatchesOptions<T> {
  /** Stores these or none of them. */
  write: (batch: readonly T[]) => Promise<void>
  /** Takes back what was not stored, since it is worth another try. */
  putBack: (rest: readonly T[]) => void
  /** Hears of each that the database will never take, and that is left out. */
  onError: (error: unknown) => void
}

const batchSize = 5000

/**
 * Stores many counts, some thousand in a statement; one that the database refuses does not keep it from the others.
 * @throws StoreUnavailable, when the rest has been put back
 */
export async function writeInBatches<T>(items: readonly T[], options: BatchesOptions<T>): Promise<void> {
  for (let start = 0; start < items.length; start += batchSize) {
    try {
      await writeBatch(items.slice(start, start + batchSize), options)
    } catch (error) {
      options.putBack(items.slice(start))
      throw error
    }
  }
}

async function writeBatch<T>(batch: readonly T[], options: BatchesOptions<T>): Promise<void> {
  try {
    await options.write(batch)
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error
    if (batch.length > 1) for (const one of batch) await writeBatch([one], options)
    else options.onError(error)
  }
}

const unfinished = new Set<Promise<unknown>>()

/** Ctrl-C waits for this: what would be lost otherwise cannot be had again. */
export async function finishFirst<T>(work: Promise<T>): Promise<T> {
  unfinished.add(work)
  try {
    return await work
  } finally {
    unfinished.delete(work)
  }
}

/** Resolves when nothing of that kind is under way. */
export async function allFinished(): Promise<void> {
  await Promise.allSettled(unfinished)
}

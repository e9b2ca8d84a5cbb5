import { afterEach } from 'vitest'

const mebibyte = 1024 ** 2
let limitBytes = 600 * mebibyte

// The memory of a closed PGlite lies outside of V8's heap, and V8 is in no hurry to give it back.
afterEach(() => {
  if (process.memoryUsage.rss() < limitBytes) return
  globalThis.gc?.()
  // What is left is in use: the next collection waits until there is more again.
  limitBytes = Math.max(limitBytes, process.memoryUsage.rss() + 150 * mebibyte)
})

import type { FastifyBaseLogger } from 'fastify'

export interface DelayedEndOptions {
  delayMs: number
  log: Pick<FastifyBaseLogger, 'info' | 'error'>
  /** Sends balancers and clients to another process. */
  announce: () => void
  /** Whether the end has begun, by this signal or another. */
  hasBegun: () => boolean
  begin: () => void
}

/**
 * Delays the end at SIGTERM, so that balancers learn of it while everything is still served. A second SIGTERM begins
 * the end at once. A SIGTERM once the end has begun ends the process, whichever signal began it.
 */
export function delayEndAtSigterm({ delayMs, log, announce, hasBegun, begin }: DelayedEndOptions): void {
  let timer: NodeJS.Timeout | undefined
  const beginOnce = () => {
    clearTimeout(timer)
    if (!hasBegun()) begin()
  }
  process.on('SIGTERM', () => {
    if (hasBegun()) {
      log.error('SIGTERM during the end, exiting')
      process.exit(1)
    }
    if (timer !== undefined) return void beginOnce()
    log.info(`SIGTERM: not ready any more; goes on for ${delayMs / 1000} s, then ends`)
    announce()
    timer = setTimeout(beginOnce, delayMs)
  })
}

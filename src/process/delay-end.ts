import type { FastifyBaseLogger } from 'fastify'

export interface DelayedEndOptions {
  delayMs: number
  log: Pick<FastifyBaseLogger, 'info' | 'error'>
  /** Sends balancers and clients to another process. */
  announce: () => void
  /** Whether the end has begun by another signal. */
  hasBegun: () => boolean
  begin: () => void
}

/**
 * Delays the end at SIGTERM, so that balancers learn of it while everything is still served. A second SIGTERM begins
 * the end at once, and a third one ends the process.
 */
export function delayEndAtSigterm({ delayMs, log, announce, hasBegun, begin }: DelayedEndOptions): void {
  process.once('SIGTERM', () => {
    log.info(`SIGTERM: not ready any more; goes on for ${delayMs / 1000} s, then ends`)
    announce()
    const beginOnce = () => {
      clearTimeout(timer)
      process.off('SIGTERM', beginOnce)
      process.on('SIGTERM', () => {
        log.error('another SIGTERM, exiting')
        process.exit(1)
      })
      if (!hasBegun()) begin()
    }
    const timer = setTimeout(beginOnce, delayMs)
    process.on('SIGTERM', beginOnce)
  })
}

import { constants } from 'node:os'

const signals = ['SIGTERM', 'SIGINT'] as const

/**
 * Ends the process at once at a signal, because the start leaves nothing half done. The kernel drops a signal without a
 * handler that is sent to the first process of a container.
 * @returns leaves signals to other handlers from now on
 */
export function endAtSignals(): () => void {
  const end = (signal: (typeof signals)[number]) => process.exit(128 + constants.signals[signal])
  for (const signal of signals) process.on(signal, end)
  return () => {
    for (const signal of signals) process.off(signal, end)
  }
}

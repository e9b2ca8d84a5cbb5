import { LRUCache } from 'lru-cache'
import { networkOf } from '../addresses.js'

export interface AddressRateOptions {
  /** Infinity: no limit. */
  perMinute: number
  /** Addresses that are remembered; the least recent are forgotten first. Default 10,000. */
  maxAddresses?: number
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

interface Window {
  startedAt: number
  count: number
}

const windowMs = 60_000

/** Counts events by client address in windows of a minute, in bounded memory; limits that need no identity. */
export class AddressRate {
  readonly #windows: LRUCache<string, Window>
  readonly #perMinute: number
  readonly #clock: () => number

  constructor({ perMinute, maxAddresses = 10_000, clock = Date.now }: AddressRateOptions) {
    this.#perMinute = perMinute
    this.#clock = clock
    this.#windows = new LRUCache({ max: maxAddresses })
  }

  /** Seconds until the address may go on; 0 when it may now. */
  retryAfterSeconds(address: string): number {
    const window = this.#current(address)
    if (window === undefined || window.count < this.#perMinute) return 0
    return Math.max(1, Math.ceil((window.startedAt + windowMs - this.#clock()) / 1000))
  }

  count(address: string): void {
    if (this.#perMinute === Number.POSITIVE_INFINITY) return
    const window = this.#current(address)
    if (window !== undefined) window.count += 1
    else this.#windows.set(networkOf(address), { startedAt: this.#clock(), count: 1 })
  }

  #current(address: string): Window | undefined {
    const window = this.#windows.get(networkOf(address))
    if (window === undefined) return undefined
    const age = this.#clock() - window.startedAt
    // A clock that was set back must not lock anybody out for longer.
    return age >= 0 && age < windowMs ? window : undefined
  }
}

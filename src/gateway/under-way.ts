import type { Recheck } from '../auth/recheck.js'
import { isSafeMethod } from '../auth/same-origin.js'
import type { ServiceRegistry } from '../services/registry.js'
import type { Exchange } from './exchange.js'

/** So that an exchange ends within a second of what ends it. */
const checkEveryMs = 400

/** The calls under way. What takes long is checked again and again; what is short costs an entry in a set. */
export class CallsUnderWay {
  readonly #calls = new Set<Exchange>()
  readonly #beingChecked = new WeakSet<Exchange>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly registry: Pick<ServiceRegistry, 'find'>,
    private readonly recheck: Recheck,
  ) {}

  get size(): number {
    return this.#calls.size
  }

  add(call: Exchange): void {
    this.#calls.add(call)
  }

  delete(call: Exchange): void {
    this.#calls.delete(call)
  }

  start(): void {
    this.#timer = setInterval(() => this.#checkAll(), checkEveryMs)
    this.#timer.unref()
  }

  /** Lets them end by themselves for so long, then ends them. */
  async drain(limitMs: number): Promise<void> {
    const end = performance.now() + limitMs
    while (this.#calls.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    clearInterval(this.#timer)
    for (const call of this.#calls) call.cut()
  }

  #checkAll(): void {
    const now = performance.now()
    for (const call of this.#calls) {
      if (now - call.startedAt < checkEveryMs) continue
      if (call.isStalled(now)) call.cut()
      else this.#check(call)
    }
  }

  #check(call: Exchange): void {
    const { request, service } = call
    const current = this.registry.find(service.descriptor.id)
    // Nobody can tell: what was allowed goes on.
    if (current === 'unknown') return
    if (current === null) call.cut()
    // A preflight is nobody's.
    if (current === null || request.principal === null || this.#beingChecked.has(call)) return
    const access = isSafeMethod(request.method) ? current.readAccess : current.writeAccess
    const stands = this.recheck(request, access)
    if (stands instanceof Promise) void this.#settle(call, stands)
    else if (!stands) call.cut()
  }

  async #settle(call: Exchange, checking: Promise<boolean>): Promise<void> {
    this.#beingChecked.add(call)
    const stands = await checking.catch(() => true)
    this.#beingChecked.delete(call)
    if (!stands) call.cut()
  }
}

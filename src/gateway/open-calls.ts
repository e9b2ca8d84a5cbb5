import type { Recheck } from '../auth/recheck.js'
import type { ServiceRegistry } from '../services/types.js'
import { chooseAccess } from './choose-access.js'
import type { Exchange } from './exchange.js'
import { isPreflight } from './preflight.js'

/** So that an exchange ends within a second of what ends it. */
const checkEveryMs = 400

/** The calls that have no end yet. What takes long is checked again and again; what is short costs an entry in a list. */
export class OpenCalls {
  // No Set: one that is filled and emptied all the time leaves a chain of outgrown tables, through which V8 keeps the
  // calls of seconds until its next full collection; measured, that was a fifth of the gateway's CPU.
  readonly #calls: Exchange[] = []
  readonly #beingChecked = new WeakSet<Exchange>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly registry: Pick<ServiceRegistry, 'find' | 'match'>,
    private readonly recheck: Recheck,
  ) {}

  add(call: Exchange): void {
    call.place = this.#calls.push(call) - 1
  }

  delete(call: Exchange): void {
    const { place } = call
    if (this.#calls[place] !== call) return
    const last = this.#calls.pop()
    if (last === undefined || last === call) return
    this.#calls[place] = last
    last.place = place
  }

  start(): void {
    this.#timer = setInterval(() => this.#checkAll(), checkEveryMs)
    this.#timer.unref()
  }

  /** Ends the calls whose clients have gone without being noticed. */
  close(): void {
    clearInterval(this.#timer)
    for (const call of [...this.#calls]) call.cut()
  }

  #checkAll(): void {
    const now = performance.now()
    for (const call of [...this.#calls]) {
      if (now - call.startedAt < checkEveryMs) continue
      call.giveUpConnecting(now)
      if (call.isAbandoned()) call.cut()
      else this.#check(call)
    }
  }

  #check(call: Exchange): void {
    const { request, service } = call
    const current = this.registry.find(service.descriptor.id)
    const [path = ''] = (request.raw.url ?? '').split('?', 1)
    const matched = this.registry.match(path)
    // The registry cannot tell: what was allowed goes on.
    if (current === 'unknown' || matched === 'unknown') return
    // Another service may have been made for a part of this one, with rules of its own.
    const isGone = current === null || matched !== current
    if (isGone) call.cut()
    if (isGone || isPreflight(request) || this.#beingChecked.has(call)) return
    const access = chooseAccess(current, request)
    // A caller without a credential stays as long as the path is public.
    if (request.principal === null && access?.allowAnonymous === true) return
    if (access === null || request.principal === null) {
      call.cut()
      return
    }
    const isAllowed = this.recheck(request, access)
    if (isAllowed instanceof Promise) void this.#cutUnlessAllowed(call, isAllowed)
    else if (!isAllowed) call.cut()
  }

  async #cutUnlessAllowed(call: Exchange, checking: Promise<boolean>): Promise<void> {
    this.#beingChecked.add(call)
    const isAllowed = await checking.catch(() => true)
    this.#beingChecked.delete(call)
    if (!isAllowed) call.cut()
  }
}

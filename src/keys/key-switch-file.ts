import type { FastifyBaseLogger } from 'fastify'
import { ownSubjects } from '../auth/own-subjects.js'
import { DeclarationInvalid, readDeclaration } from '../config/operator-files.js'
import { createValidator } from '../http/validation.js'
import { type Provider, providerSchema } from '../schemas/admin.js'
import { addAuditEntry } from '../store/audit.js'
import type { Database } from '../store/database.js'
import { keySwitchName, switchKeys } from '../store/key-switch.js'
import type { KeySwitch } from './key-switch.js'

export interface KeySwitchFileOptions {
  path: string
  db: Database
  /** Milliseconds since the epoch. */
  clock: () => number
  log: FastifyBaseLogger
  /** How often the file is read. Default 200 ms: a stream ends within a second of what ends it. */
  everyMs?: number
}

const setting = 'API_KEYS_PROVIDER_FILE'
const validate = createValidator().compile<Provider>(providerSchema)
const storeAgainMs = 1000

/** The file is nobody's request. */
const fileAuthor = {
  actor: { subject: ownSubjects.keySwitchFile, login: setting, via: 'file' },
  address: '',
  requestId: '',
}

/**
 * The file that switches API keys off and on in this process, whatever the database says and whether or not it can be
 * asked. While the file cannot be used, what it said last holds. What it says anew is stored too: for the ledger, for
 * replicas that have no file, and so that keys which it switched off stay so when the setting is taken away. Replicas
 * whose files differ go by their own, each.
 */
export class KeySwitchFile implements KeySwitch {
  readonly #options: KeySwitchFileOptions
  /** Until the file was read nobody gets in. */
  #isOff = true
  /** The last that was told of the file; null: nothing is wrong with it. */
  #fault: string | null = null
  #isStored = false
  #storedAt = Number.NEGATIVE_INFINITY
  #storing: Promise<void> | null = null
  #following: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: KeySwitchFileOptions) {
    this.#options = options
  }

  get isOff(): boolean {
    return this.#isOff
  }

  /** @throws DeclarationInvalid: nothing may start with a file that says nothing */
  async start(): Promise<void> {
    this.#take(await this.#read())
    await this.#store()
    this.#followLater()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#following
    await this.#storing
  }

  /**
   * By reading, not by watching: a watch is of the file that was there, and editors, Kubernetes and every careful writer
   * put another in its place; a network's file system tells nothing of what others write.
   */
  #followLater(): void {
    if (this.#isClosed) return
    const { everyMs = 200 } = this.#options
    this.#timer = setTimeout(() => {
      this.#following = this.#follow().finally(() => this.#followLater())
    }, everyMs).unref()
  }

  async #follow(): Promise<void> {
    const { log, path: file } = this.#options
    try {
      const isOff = await this.#read()
      if (this.#fault !== null) log.info({ file }, 'the file of the provider can be used again')
      this.#fault = null
      if (isOff !== this.#isOff) this.#take(isOff)
    } catch (error) {
      this.#tellFault(error)
    }
    if (!this.#isStored && this.#isStoringDue()) this.#storing ??= this.#store()
  }

  async #read(): Promise<boolean> {
    return (await readDeclaration({ setting, path: this.#options.path }, validate)).disabled
  }

  #take(isOff: boolean): void {
    this.#isOff = isOff
    this.#isStored = false
    this.#storedAt = Number.NEGATIVE_INFINITY
    const { log, path: file } = this.#options
    log.info({ file }, isOff ? 'API keys are switched off by a file' : 'API keys are on, as a file says')
  }

  /** Once for each fault, not five times a second. */
  #tellFault(error: unknown): void {
    const faults = error instanceof DeclarationInvalid ? error.faults : [String(error)]
    const fault = faults.join('\n')
    if (fault === this.#fault) return
    this.#fault = fault
    const { log, path: file } = this.#options
    log.error(
      { file, faults },
      `the file of the provider is refused, and API keys stay ${this.#isOff ? 'off' : 'on'}`,
    )
  }

  #isStoringDue(): boolean {
    return performance.now() - this.#storedAt >= storeAgainMs
  }

  /** In its own time, and again where it fails: the switch itself does not wait for the database. */
  async #store(): Promise<void> {
    const { db, clock, log } = this.#options
    const disabled = this.#isOff
    this.#storedAt = performance.now()
    try {
      await db.write(async (tx) => {
        if (!(await switchKeys(tx, disabled))) return
        const action = disabled ? 'provider.disabled' : 'provider.enabled'
        const at = new Date(clock())
        await addAuditEntry(tx, {
          ...fileAuthor,
          at,
          action,
          targetId: keySwitchName,
          ownerSubject: '',
          details: {},
        })
      })
      if (disabled === this.#isOff) this.#isStored = true
    } catch (error) {
      log.error({ err: error }, 'what the file of the provider says could not be stored yet')
    } finally {
      this.#storing = null
    }
  }
}

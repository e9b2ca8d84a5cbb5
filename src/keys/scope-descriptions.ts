import type { FastifyBaseLogger } from 'fastify'
import { DeclarationInvalid, readDeclaration, refuseFaults } from '../config/operator-files.js'
import { createValidator } from '../http/validation.js'
import { type ScopeDescriptionsFile, scopeDescriptionsFileSchema } from '../schemas/scope.js'
import { inherit, isScope } from './scopes.js'

const setting = 'SCOPES_FILE'
const validate = createValidator().compile<ScopeDescriptionsFile>(scopeDescriptionsFileSchema)
const ofInherit = 'All that you may do, as it is at each use.'

/** What rights mean, as the operator tells it in a file. */
export class ScopeDescriptions {
  readonly #path: string | undefined
  readonly #log: FastifyBaseLogger
  #texts: ReadonlyMap<string, string> = new Map()

  /** @param options.path of the file; undefined: nobody tells what rights mean */
  constructor({ path, log }: { path: string | undefined; log: FastifyBaseLogger }) {
    this.#path = path
    this.#log = log
  }

  /** Null: nobody tells. */
  find(scope: string): string | null {
    return this.#texts.get(scope) ?? (scope === inherit ? ofInherit : null)
  }

  /** All that the operator names. */
  get scopes(): string[] {
    return [...this.#texts.keys()]
  }

  /** @throws DeclarationInvalid: nothing may start with what cannot be */
  async apply(): Promise<void> {
    if (this.#path === undefined) return
    const file = { setting, path: this.#path }
    const content = await readDeclaration(file, validate)
    const unfit = Object.keys(content).filter((name) => !isScope(name))
    refuseFaults(
      file,
      unfit.map((path) => ({ path: JSON.stringify(path), message: 'can be no right' })),
    )
    this.#texts = new Map(Object.entries(content))
  }

  /** The same while the service runs: what cannot be is logged, and what was told goes on. */
  async reload(): Promise<void> {
    try {
      await this.apply()
    } catch (error) {
      if (!(error instanceof DeclarationInvalid)) throw error
      this.#log.error({ faults: error.faults }, 'the file of scopes is refused')
    }
  }
}

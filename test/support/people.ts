import type { DirectorySource, Person } from '../../src/directory/source.js'

/** An identity provider's people, as a test has them; everybody who was not named is a plain user who is enabled. */
export interface People extends DirectorySource {
  set(subject: string, person: Partial<Person & { enabled: true }> | 'disabled' | 'deleted'): void
  /** What every question ends in; null: an answer. */
  failure: Error | null
  /** How long an answer takes, in milliseconds. */
  delayMs: number
  /** Of whom nothing can be told, and whose answers take so long, in milliseconds. */
  broken: Set<string>
  slow: Map<string, number>
  /** Left out of the list of the disabled, as a page that shifted while it was read leaves people out. */
  overlooked: Set<string>
  /** The subjects that were asked for, one by one. */
  asked: string[]
}

export const anyone = {
  enabled: true,
  login: 'alice',
  name: 'Alice Liddell',
  email: 'alice@example.test',
  rights: ['latchkey:catalog_read', 'rspy-user'],
  attributes: {},
} satisfies Person

export function createPeople(): People {
  const known = new Map<string, Person | null>()
  const people: People = {
    failure: null,
    delayMs: 0,
    broken: new Set(),
    slow: new Map(),
    overlooked: new Set(),
    asked: [],
    set(subject, person) {
      if (person === 'deleted') known.set(subject, null)
      else
        known.set(
          subject,
          person === 'disabled' ? { enabled: false } : { ...anyone, ...person, enabled: true },
        )
    },
    async listDisabled() {
      await answer()
      const disabled = [...known]
        .filter(([, person]) => person?.enabled === false)
        .map(([subject]) => subject)
      return new Set(disabled.filter((subject) => !people.overlooked.has(subject)))
    },
    async find(subject) {
      people.asked.push(subject)
      // As of the question, however late the answer comes.
      const person = known.get(subject)
      await answer(people.slow.get(subject))
      if (people.broken.has(subject)) throw new Error('answered 500')
      return person === undefined ? anyone : person
    },
  }
  return people

  async function answer(delayMs = people.delayMs) {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    if (people.failure !== null) throw people.failure
  }
}

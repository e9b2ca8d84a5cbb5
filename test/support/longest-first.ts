import { BaseSequencer, type TestSpecification } from 'vitest/node'

// They start processes or wait for real time. At the end they would run alone.
const longest = [
  'test/server.test.ts',
  'test/single-user/start.test.ts',
  'test/store/embedded.test.ts',
  'test/store/migrations-check.test.ts',
  'test/store/migrate.test.ts',
  'test/gateway/streams.test.ts',
  'test/keys/key-switch-file.test.ts',
]

/** The longest files first, also in a clean checkout; then as Vitest does it, by the last run or by size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}`))
      return at === -1 ? longest.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

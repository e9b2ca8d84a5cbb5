import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

/** Builds what tests start as processes, before each run. */
export default async function prepare(project: TestProject): Promise<void> {
  await build()
  project.onTestsRerun(build)
}

/** Compiles only what changed. */
async function build(): Promise<void> {
  await promisify(execFile)('npm', ['run', '--silent', 'prestart'])
}

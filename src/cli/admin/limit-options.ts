import { type Command, Option } from 'commander'
import { parseCount } from './options.js'

/** As commander gives them; false: `--no-limit-per-…`. */
export interface LimitOptions {
  limitPerSecond?: number | false
  limitPerDay?: number | false
  limitPerMonth?: number | false
}

const periods = ['second', 'day', 'month'] as const

/** `--limit-per-second`, `--limit-per-day` and `--limit-per-month`, of what has no limits yet. */
export function addLimitOptions(command: Command): Command {
  for (const period of periods) command.addOption(describeLimit(period))
  return command
}

/** The same, each of which may be lifted. */
export function addLimitChanges(command: Command): Command {
  for (const period of periods) {
    command.addOption(describeLimit(period)).addOption(describeLifting(period))
  }
  return command
}

/** The same, each of which must be either set or lifted. */
export function addWholeLimits(command: Command): Command {
  for (const period of periods) {
    command.addOption(describeLimit(period).makeOptionMandatory()).addOption(describeLifting(period))
  }
  return command
}

const describeLimit = (period: string) =>
  new Option(`--limit-per-${period} <calls>`, `calls in a calendar ${period}`).argParser(parseCount)

const describeLifting = (period: string) =>
  new Option(`--no-limit-per-${period}`, `any number of calls in a ${period}`)

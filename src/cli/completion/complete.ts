import type { Argument, Command, Option } from 'commander'
import { readProfiles } from '../profile/profiles.js'
import { print, type Terminal } from '../terminal.js'

interface Candidate {
  word: string
  description?: string
}

/** Prints what the last word may become, a line each: the word, a tab, what it means. @param words after the program's */
export async function printCandidates(terminal: Terminal, program: Command, words: string[]): Promise<void> {
  // bash takes `--profile=x` for three words.
  const typed = words.filter((word) => word !== '=')
  const beginning = typed.pop() ?? ''
  const candidates = await listCandidates(terminal, program, typed, beginning)
  for (const { word, description = '' } of candidates) {
    if (word.startsWith(beginning)) print(terminal, `${word}\t${description}`)
  }
}

async function listCandidates(
  terminal: Terminal,
  program: Command,
  typed: string[],
  beginning: string,
): Promise<Candidate[]> {
  const { command, option, argument } = follow(program, typed)
  if (option !== null) return option.long === '--profile' ? listProfiles(terminal) : listChoices(option)
  const help = command.createHelp()
  if (beginning.startsWith('-')) {
    const options = new Set([...help.visibleOptions(command), ...program.options])
    return [...options].map(({ long, short, description }) => ({ word: long ?? short ?? '', description }))
  }
  const commands = help
    .visibleCommands(command)
    .map((one) => ({ word: one.name(), description: one.description() }))
  if (commands.length > 0) return commands
  if (command.parent?.name() === 'profile' && argument?.name() === 'name') return listProfiles(terminal)
  return argument === null ? [] : listChoices(argument)
}

/** Where the words lead: to a command, and there to an option that wants a value, or to an argument. */
function follow(program: Command, words: string[]) {
  let command = program
  let option: Option | null = null
  let given = 0
  for (const word of words) {
    if (option !== null) option = null
    else if (word.startsWith('-')) option = findOption(command, word)
    else {
      const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word))
      if (next === undefined) given += 1
      command = next ?? command
    }
  }
  return { command, option, argument: command.registeredArguments[given] ?? null }
}

/** One that wants a value of its own word. */
function findOption(command: Command, word: string): Option | null {
  for (let level: Command | null = command; level !== null; level = level.parent) {
    const found = level.options.find(({ long, short }) => word === long || word === short)
    if (found !== undefined) return found.required ? found : null
  }
  return null
}

const listChoices = ({ argChoices }: Option | Argument): Candidate[] =>
  (argChoices ?? []).map((word) => ({ word }))

async function listProfiles(terminal: Terminal): Promise<Candidate[]> {
  const { profiles } = await readProfiles(terminal)
  return [...profiles].map(([word, { url }]) => ({ word, description: url }))
}

import { styleText } from 'node:util'

/** Where the program runs: everything that a command may take from outside or give back. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean }
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** Writes a line of the result to stdout, which holds nothing else, so that it can be piped. */
export function print({ stdout }: Terminal, line: string): void {
  stdout.write(`${line}\n`)
}

/** Writes a line of progress, advice or failure to stderr. */
export function report({ stderr }: Terminal, line: string): void {
  stderr.write(`${line}\n`)
}

/** What others wrote, without what a terminal would obey: control characters, and those that turn or hide text. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '')
}

/** Bold on stderr, where that is a terminal and neither `NO_COLOR` nor the like says otherwise. */
export function emphasize({ stderr }: Terminal, text: string): string {
  return styleText('bold', text, { stream: stderr })
}

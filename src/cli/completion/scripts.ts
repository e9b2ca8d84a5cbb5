import { print, type Terminal } from '../terminal.js'

/**
 * Each asks the program itself, so that they never have to be made anew. Nothing that it answers is evaluated, only
 * taken as words: profiles are named by users.
 */
const scripts = {
  bash: `_latchkey() {
  local candidate
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    COMPREPLY+=("$candidate")
  done < <(latchkey __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _latchkey latchkey`,

  zsh: `#compdef latchkey
_latchkey() {
  local line
  local -a candidates
  for line in "\${(@f)$(latchkey __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( $#candidates )); then _describe latchkey candidates; else _files; fi
}
if [[ $funcstack[1] == _latchkey ]]; then _latchkey "$@"; else compdef _latchkey latchkey; fi`,

  fish: `function __latchkey_complete
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  set -e words[1]
  latchkey __complete -- $words "$last" 2>/dev/null
end
complete -c latchkey -f -a '(__latchkey_complete)'`,
} as const

/** Prints the script of a shell. */
export function printScript(terminal: Terminal, shell: keyof typeof scripts): void {
  print(terminal, scripts[shell])
}

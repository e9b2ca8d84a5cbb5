import type { CreatedKey } from '../../../schemas/admin.js'
import { describeEnd } from '../../table.js'
import { printable, report, type Terminal } from '../../terminal.js'
import { describeKey } from '../describe-key.js'

/** Reports a new key and its end. @param verb begins the sentence, such as `Made` */
export function reportMade(terminal: Terminal, verb: string, key: CreatedKey): void {
  const end = describeEnd(key.expires_at, terminal.clock())
  report(terminal, printable(`${verb} the ${describeKey(key)}. It ends: ${end}.`))
}

import { toUSVString } from 'node:util'
import type { Ajv, FuncKeywordDefinition } from 'ajv'
import { findCredential } from '../auth/find-credential.js'
import type { TextKind } from '../schemas/common.js'

/** Far more UTF-16 units than any form of a text that some schema takes, so that nothing longer is read at all. */
const maxUnits = 16_384
/** NFC makes one unit of four at most (UAX #15), and a character has two at most. */
const unitsPerCharacter = 8
/** White space at the ends, which is not stored. */
const unitsOfSpace = 1024

/** A text as it is stored, or its fault in the words of an answer. */
export type TextReading = { text: string } | { fault: string }

/**
 * Controls, characters that only format, and every character that Unicode says to show as nothing: zero-width ones, those
 * that turn the direction. The null notehead of music is a symbol to Unicode, and is shown as nothing too.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029\u{1D159}]/u
/** Joiners and variation selectors behind a visible character: many scripts and emoji are written with them. */
const joined = /([\p{L}\p{M}\p{N}\p{P}\p{S}])(?:\u200C|\u200D|\uFE0E|\uFE0F)+/gu
/** Letters, digits, punctuation and symbols, but for the pattern of Braille that is blank. */
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u
const hasVisible = (text: string) => visible.test(text.replaceAll('\u2800', ''))

/**
 * Reads a text that a client or a file of the operator gives, by its kind. One function for each kind decides, here,
 * for every schema:
 * - `name`: people tell things apart by it. NFC (UAX #15), without white space at its ends, something visible in it.
 * - `paragraph`: free text of several lines; NFC, without white space at its ends. Joiners may stand in it.
 * - `right`: compared with the roles of the identity provider, character by character, so it is taken as it is.
 * - `address`: a URL or a path, taken as it is.
 * - `search`: a part of a stored name, so NFC; it is not stored.
 * None of those that are stored may hold a credential of this service. Lengths and other characters are the schema's
 * to check, after this.
 * @param mostUnits a longer text is not read, in UTF-16 units
 */
export function readText(kind: TextKind, given: string, mostUnits = maxUnits): TextReading {
  if (given.length > mostUnits) return { fault: 'is too long' }
  switch (kind) {
    case 'name':
      return readName(given)
    case 'paragraph':
      return readParagraph(given)
    case 'right':
      return readRight(given)
    case 'address':
      return withoutCredential(given)
    case 'search':
      return { text: given.normalize('NFC') }
    default:
      return kind satisfies never
  }
}

function readName(given: string): TextReading {
  if (invisible.test(given)) return { fault: mustBeVisible }
  const text = given.normalize('NFC').trim()
  // The schema refuses an empty text as too short.
  return text === '' || hasVisible(text) ? withoutCredential(text) : { fault: mustHold }
}

function readParagraph(given: string): TextReading {
  const rest = given.replace(joined, '$1').replace(/[\n\r\t]/g, '')
  if (invisible.test(rest)) return { fault: mustBeVisible }
  return withoutCredential(given.normalize('NFC').trim())
}

function readRight(given: string): TextReading {
  if (invisible.test(given)) return { fault: mustBeVisible }
  return given === '' || hasVisible(given) ? withoutCredential(given) : { fault: mustHold }
}

function withoutCredential(text: string): TextReading {
  const found = findCredential(text)
  return found === null ? { text } : { fault: `must not hold ${found}: it would be stored and shown` }
}

const mustBeVisible = 'must not hold control characters or characters that are not seen'
const mustHold = 'must hold a character that is seen'

/** Adds the keyword `x-text` of our schemas, and the format `well-formed`. */
export function addTexts(ajv: Ajv): void {
  ajv.addFormat('well-formed', (text: string) => toUSVString(text) === text)
  ajv.addKeyword(textKeyword)
}

const textKeyword: FuncKeywordDefinition = {
  keyword: 'x-text',
  type: 'string',
  schemaType: 'string',
  // The other keywords see the text as it will be stored.
  before: 'maxLength',
  modifying: true,
  errors: true,
  compile: (kind: TextKind, parentSchema) => {
    const { maxLength } = parentSchema as { maxLength?: number }
    const mostUnits =
      maxLength === undefined ? maxUnits : Math.min(maxUnits, maxLength * unitsPerCharacter + unitsOfSpace)
    const validate: ReturnType<NonNullable<FuncKeywordDefinition['compile']>> = (given: string, context) => {
      const reading = readText(kind, given, mostUnits)
      if ('fault' in reading) {
        validate.errors = [{ keyword: 'x-text', message: reading.fault, params: {} }]
        return false
      }
      const { parentData, parentDataProperty } = context ?? {}
      if (parentData !== undefined && parentDataProperty !== undefined)
        parentData[parentDataProperty] = reading.text
      return true
    }
    return validate
  },
}

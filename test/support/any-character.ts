import fc from 'fast-check'

/**
 * Any character of Unicode, surrogates left out; for `fc.string({ unit })`. The unit `binary` of fast-check is the same,
 * but makes a table of all million first, which takes seconds.
 */
export const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((place) => String.fromCodePoint(place < 0xd800 ? place : place + 0x800))

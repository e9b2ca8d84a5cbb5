/** Escapes in a row, each encoded once or many times over (`%5f`, `%255f`, `%25255f`), or as IIS takes it (`%u005f`). */
const percentEscapes = /(?:%(?:25)*(?:u00)?[0-9a-f]{2})+/gi
const beforeHexDigits = /%(?:25)*(?:u00)?(?=[0-9a-f]{2})/gi
/** ASCII in two, three or four bytes, as lax decoders of UTF-8 still read it (RFC 3629 §10). Read as latin1. */
const overlong = /(?:[\xc0\xc1]|(?:\xe0|\xf0\x80)[\x80\x81])[\x80-\xbf]/g
/** `\u005f`, `\x5f` and `\u{5f}` of JSON and JavaScript, the last with a percent sign too. */
const scriptEscapes = /\\(?:u00|x)([0-7][0-9a-f])|[\\%]u\{0{0,4}([0-7][0-9a-f])\}/gi
/** `&#95;` and `&#x5f;` of HTML, whose readers do without the semicolon. */
const references = /&#x0{0,4}([0-7][0-9a-f]);?|&#0{0,4}([0-9]{2,3});?/gi
const maxDecodings = 8

/**
 * Decodes the escapes of a text until none is left, as servers behind each other do: percent-encoding, JSON and HTML.
 * Each pass takes linear time.
 * @returns null for a text that still has escapes after 8 passes
 */
export const decodeFully = (text: string): string | null => repeatUntilPlain(text, decodeOnce)

/**
 * Decodes the numeric references of HTML alone, until none is left.
 * @returns null for a text that still has some after 8 passes
 */
export const decodeReferences = (text: string): string | null => repeatUntilPlain(text, decodeReferencesOnce)

function repeatUntilPlain(text: string, decode: (text: string) => string): string | null {
  let plain = text
  for (let pass = 0; pass < maxDecodings; pass += 1) {
    const decoded = decode(plain)
    if (decoded === plain) return plain
    plain = decoded
  }
  return null
}

function decodeOnce(text: string): string {
  const decoded = text.includes('%') ? text.replace(percentEscapes, decodeRow) : text
  const plain =
    decoded.includes('\\') || decoded.includes('{')
      ? decoded.replace(scriptEscapes, (_escape, hex?: string, braced?: string) =>
          String.fromCharCode(Number.parseInt(hex ?? braced ?? '', 16)),
        )
      : decoded
  return decodeReferencesOnce(plain)
}

const decodeReferencesOnce = (text: string): string =>
  text.includes('&#')
    ? text.replace(references, (_reference, hex?: string, decimal?: string) =>
        String.fromCharCode(decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)),
      )
    : text

/** Its bytes as UTF-8; a byte that is none becomes the sign for an unreadable character. */
function decodeRow(row: string): string {
  const bytes = Buffer.from(row.replace(beforeHexDigits, ''), 'hex')
  const text = bytes.toString()
  if (!text.includes('\ufffd')) return text
  const shortest = bytes.toString('latin1').replace(overlong, (sequence) => {
    const [high = 0, low = 0] = [...sequence].slice(-2).map((byte) => byte.charCodeAt(0))
    return String.fromCharCode(((high & 1) << 6) | (low & 0x3f))
  })
  return Buffer.from(shortest, 'latin1').toString()
}

/** Removes everything that no credential has, but that may stand between its characters: blanks, unseen characters. */
export const keepVisibleAscii = (text: string): string => text.replace(/[^!-~]|\+/g, '')

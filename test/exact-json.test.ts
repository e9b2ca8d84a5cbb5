import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InexactJson, parseExactJson, parseExactJsonBytes } from '../src/exact-json.js'

const faultOf = (text: string): { path: string; message: string } | null => {
  try {
    parseExactJson(text)
    return null
  } catch (error) {
    if (!(error instanceof InexactJson)) throw error
    const { path, message } = error
    return { path, message }
  }
}

describe('a number', () => {
  test.each([
    ...['1e400', '-1e400', '1e309', '-0', '-0.0', '-0e5', '1e-400', '-1e-400', '2e-324'],
    ...['9007199254740993', '-9007199254740993', '12345678901234567890', '1.7976931348623159e308'],
    ...['0.1000000000000000055511151231257827', '0.12345678901234567890', '3.14159265358979323846'],
    ...['100000000000000000000000000000001', '1e99999999999999999999'],
  ])('is refused where it would change: %s', (literal) => {
    expect(faultOf(`{"config":{"a":[0,${literal}]}}`)).toEqual({
      path: 'config.a.1',
      message: 'is a number that would not be kept as it is written',
    })
  })

  test.each([
    ...['0', '1', '-1', '1.0', '1.50', '0.1', '-0.5', '1e2', '1E+2', '100e-2', '0e5', '0.0', '1e308'],
    ...['9007199254740991', '9007199254740992', '123456789012345680000', '5e-324', '1.7976931348623157e308'],
    ...['0.30000000000000004', '1e21', '10000000000000000000000'],
  ])('is kept: %s', (literal) => {
    expect(parseExactJson(literal)).toBe(Number(literal))
  })

  test('of JavaScript is kept, whichever it is', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        fc.pre(!Object.is(number, -0))
        expect(parseExactJson(String(number))).toBe(number)
      }),
    )
  })

  test('of many digits either comes back with the same digits, or is refused', () => {
    const digits = fc.stringMatching(/^[1-9][0-9]{0,39}$/)
    fc.assert(
      fc.property(digits, (text) => {
        const isKept = BigInt(text) === BigInt(Number(text)) && faultOf(text) === null
        if (isKept) expect(BigInt(parseExactJson(text) as number)).toBe(BigInt(text))
        else expect(faultOf(text)).not.toBeNull()
      }),
    )
  })
})

describe('a member', () => {
  test.each([
    ['{"a":1,"a":1}', 'a'],
    ['{"a":1,"b":2,"a":3}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"x":[{},{"a":{"b":1,"b":2}}]}', 'x.1.a.b'],
    ['{"":1,"":2}', ''],
  ])('is not given twice: %s', (text, path) => {
    expect(faultOf(text)).toEqual({ path, message: 'is given twice' })
  })

  test.each([
    '{"__proto__":1}',
    '{"\\u005f_proto__":1}',
    '[{"a":{"__proto__":{}}}]',
    '{"constructor":{"prototype":{}}}',
  ])('is not one that JavaScript takes for a prototype: %s', (text) => {
    expect(faultOf(text)?.path).toBe('')
  })

  test.each(['{"a":{"a":1},"b":{"a":1}}', '[{"a":1},{"a":1}]', '{"constructor":1,"prototype":2}'])(
    'may have the name of one elsewhere: %s',
    (text) => {
      expect(parseExactJson(text)).toEqual(JSON.parse(text))
    },
  )
})

test('whatever JavaScript writes comes back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value)
      const fault = faultOf(text)
      if (fault === null) expect(JSON.stringify(parseExactJson(text))).toBe(text)
      // Nothing else is wrong with what JSON.stringify wrote.
      else expect(text).toMatch(/__proto__|"constructor":\{/)
    }),
  )
})

test('text that looks like structure inside a string is text', () => {
  const text = JSON.stringify({ 'a":1,"a': '{"b":1e400,"b":[-0]} \\" \\\\', list: ['"', '\\', ':,{}[]'] })

  expect(parseExactJson(text)).toEqual(JSON.parse(text))
})

test.each(['', '{', '{"a":01}', "{'a':1}", '{"a":NaN}', '[1,]', '1 2'])('%j is no JSON', (text) => {
  expect(() => parseExactJson(text)).toThrow(SyntaxError)
})

test('bytes that are not UTF-8 are refused, not replaced', () => {
  const cut = Buffer.from('{"a":"\xe9"}', 'latin1')

  expect(() => parseExactJsonBytes(cut)).toThrow(TypeError)
  expect(parseExactJsonBytes(Buffer.from('\uFEFF{"a":"é"}'))).toEqual({ a: 'é' })
})

test('the worst 64 kB are read in less than a second', () => {
  const worst = [
    '['.repeat(32_000) + ']'.repeat(32_000),
    `"${'\\"'.repeat(32_000)}"`,
    `${'1'.repeat(65_000)}`,
  ]
  worst.push(`[${'-0.1e1,'.repeat(9_000)}1]`, `0.${'0'.repeat(65_000)}1`)

  const begun = performance.now()
  for (const text of worst) {
    try {
      parseExactJson(text)
    } catch (error) {
      expect(error).toBeInstanceOf(InexactJson)
    }
  }

  expect(performance.now() - begun).toBeLessThan(1000)
})

import { hash } from 'node:crypto'
import { newKeyId, newValue, type Random } from '../src/keys/value.js'

/** What every filled store holds under a number; whoever knows the number knows the value. */
export function storedKey(number: number): { id: string; value: string } {
  const id = newKeyId(randomOf(`id ${number}`))
  return { id, value: newValue(prefix, id, randomOf(`secret ${number}`)) }
}

/** Every number below `count` once, in an order in which neighbours lie far apart, and then again from the start. */
export function* scatteredNumbers(count: number): Generator<number, never> {
  const stride = coprimeNear(Math.floor(count * 0.618), count)
  for (let number = 0; ; number = (number + stride) % count) yield number
}

// The default of KEY_PREFIX.
const prefix = 'lk'

const randomOf =
  (seed: string): Random =>
  (size) =>
    hash('sha256', seed, 'buffer').subarray(0, size)

function coprimeNear(wanted: number, count: number): number {
  let stride = Math.max(wanted, 1)
  while (greatestCommonDivisor(stride, count) !== 1) stride += 1
  return stride
}

const greatestCommonDivisor = (one: number, other: number): number =>
  other === 0 ? one : greatestCommonDivisor(other, one % other)

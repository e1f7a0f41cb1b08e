/**
 * SHA-1, which names scripts, and SHA-256, which stores passwords. Both in plain code, since the platforms' own functions are
 * asynchronous or not available everywhere.
 *
 * Source: FIPS 180-4, sections 4 to 6
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

const wordsOfBlock = 16

/** The bytes as words, followed by a single bit, and by zeros up to the length in bits at the end of a block. */
const padded = (bin: Bin): Uint32Array => {
  const { length } = bin
  const words = new Uint32Array(((length + 8 >> 6) + 1) * wordsOfBlock)
  for (let i = 0; i < length; i++) words[i >> 2] |= bin.charCodeAt(i) << 24 - (i & 3) * 8
  words[length >> 2] |= 0x80 << 24 - (length & 3) * 8
  words[words.length - 2] = length / 0x20000000
  words[words.length - 1] = length << 3
  return words
}

/** Digests data block by block, and returns the state in hexadecimal digits. */
const digest = (bin: Bin, state: Uint32Array, compress: (state: Uint32Array, block: Uint32Array) => void): string => {
  const words = padded(bin)
  for (let at = 0; at < words.length; at += wordsOfBlock) compress(state, words.subarray(at, at + wordsOfBlock))
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("")
}

const left = (word: number, by: number): number => word << by | word >>> 32 - by
const right = (word: number, by: number): number => word >>> by | word << 32 - by

const compress1 = (state: Uint32Array, block: Uint32Array): void => {
  const schedule = new Uint32Array(80)
  schedule.set(block)
  for (let t = 16; t < 80; t++) {
    schedule[t] = left(schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], 1)
  }
  let [a, b, c, d, e] = state
  for (let t = 0; t < 80; t++) {
    const mixed = t < 20
      ? (b & c | ~b & d) + 0x5a827999
      : t < 40
      ? (b ^ c ^ d) + 0x6ed9eba1
      : t < 60
      ? (b & c | b & d | c & d) + 0x8f1bbcdc
      : (b ^ c ^ d) + 0xca62c1d6
    const next = left(a, 5) + mixed + e + schedule[t] | 0
    e = d
    d = c
    c = left(b, 30)
    b = a
    a = next
  }
  for (const [i, word] of [a, b, c, d, e].entries()) state[i] += word
}

const isPrime = (n: number): boolean => {
  for (let by = 2; by * by <= n; by++) if (n % by === 0) return false
  return true
}

const primes: Array<number> = []
for (let n = 2; primes.length < 64; n++) if (isPrime(n)) primes.push(n)

/** The first 32 bits of the fraction. */
const fraction = (value: number): number => (value - Math.floor(value)) * 2 ** 32

const constants = Uint32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const start256 = Uint32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))

const compress256 = (state: Uint32Array, block: Uint32Array): void => {
  const schedule = new Uint32Array(64)
  schedule.set(block)
  for (let t = 16; t < 64; t++) {
    const [far, near] = [schedule[t - 15], schedule[t - 2]]
    schedule[t] = (right(near, 17) ^ right(near, 19) ^ near >>> 10) + schedule[t - 7] +
      (right(far, 7) ^ right(far, 18) ^ far >>> 3) + schedule[t - 16]
  }
  let [a, b, c, d, e, f, g, h] = state
  for (let t = 0; t < 64; t++) {
    const chosen = (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + (e & f ^ ~e & g) + h + constants[t] + schedule[t]
    const majority = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + (a & b ^ a & c ^ b & c)
    h = g
    g = f
    f = e
    e = d + chosen | 0
    d = c
    c = b
    b = a
    a = chosen + majority | 0
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] += word
}

/** The SHA-1 of the bytes, as 40 hexadecimal digits in lower case. */
export const sha1 = (bin: Bin): string =>
  digest(bin, Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0), compress1)

/** The SHA-256 of the bytes, as 64 hexadecimal digits in lower case. */
export const sha256 = (bin: Bin): string => digest(bin, Uint32Array.from(start256), compress256)

/**
 * SHA-1 of a text, by which EVALSHA names a script. It is a name and no protection: anyone who can send a script can run it.
 *
 * Source: FIPS 180-4, sections 5.1.1 and 6.1
 */
import { encodeText } from "../resp/text.ts"

/** The padded message in words: the bytes, a single 1 bit, zeros, and the length in bits at the end of a 16-word block. */
const padded = (bytes: Uint8Array): Uint32Array => {
  const length = bytes.length
  const words = new Uint32Array(((length + 8 >> 6) + 1) * 16)
  for (let i = 0; i < length; i++) words[i >> 2] |= bytes[i] << 24 - (i & 3) * 8
  words[length >> 2] |= 0x80 << 24 - (length & 3) * 8
  words[words.length - 2] = length / 0x20000000
  words[words.length - 1] = length << 3
  return words
}

const rotate = (word: number, by: number): number => word << by | word >>> 32 - by

/** The digest of the UTF-8 bytes of a text, as 40 hexadecimal digits in lower case. */
export const sha1 = (text: string): string => {
  const words = padded(encodeText(text))
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const schedule = new Uint32Array(80)
  for (let block = 0; block < words.length; block += 16) {
    schedule.set(words.subarray(block, block + 16))
    for (let t = 16; t < 80; t++) {
      schedule[t] = rotate(schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], 1)
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
      const next = rotate(a, 5) + mixed + e + schedule[t] | 0
      e = d
      d = c
      c = rotate(b, 30)
      b = a
      a = next
    }
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
  }
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("")
}

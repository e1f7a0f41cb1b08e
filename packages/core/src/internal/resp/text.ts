/**
 * Converts text to UTF-8 bytes and back with the means of every JavaScript platform. Lone surrogates and malformed bytes
 * become U+FFFD.
 *
 * Where Node's Buffer exists, it is used for longer text, because it takes two thirds of the time. Both ways give the same
 * result.
 *
 * @since 0.1.0
 */

// The package is compiled without the types of any platform; these are the globals that this file uses.
declare const TextEncoder: {
  new(): {
    encode(text: string): Uint8Array<ArrayBuffer>
    encodeInto(text: string, target: Uint8Array): { readonly read: number; readonly written: number }
  }
}
declare const TextDecoder: {
  new(label: string, options: { readonly ignoreBOM: boolean }): { decode(bytes: Uint8Array): string }
}
interface Platform {
  readonly Buffer?: {
    readonly prototype: {
      readonly utf8Slice?: (this: Uint8Array, start: number, end: number) => string
      readonly utf8Write?: (this: Uint8Array, text: string, at: number, length: number) => number
    }
  }
}

const encoder = new TextEncoder()

// A byte order mark is part of the value, so it must not be swallowed.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const buffer = (globalThis as Platform).Buffer?.prototype
const utf8Slice = buffer?.utf8Slice
const utf8Write = buffer?.utf8Write

const fromCharCode = String.fromCharCode

/** The UTF-8 bytes of a text. */
export const encodeText = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/**
 * Writes as many whole characters of a text as fit between two offsets. Returns the number of bytes written.
 *
 * If the room is at least three bytes more than the text has UTF-16 units, the result equals `text.length` exactly when all of
 * the text is ASCII. Other text was certainly written in full if three bytes are left over.
 */
export const writeText = (text: string, target: Uint8Array, at: number, end: number): number =>
  utf8Write === undefined
    ? encoder.encodeInto(text, target.subarray(at, end)).written
    : utf8Write.call(target, text, at, end - at)

const loneSurrogate = /\p{Surrogate}/u

/** A text as a server would return it: with U+FFFD for each lone surrogate. */
export const wellFormed = (text: string): string => {
  if (!loneSurrogate.test(text)) return text
  const bytes = encodeText(text)
  return decodeText(bytes, 0, bytes.length)
}

/** Decodes the bytes from `start` to `end`. */
export const decodeText = (bytes: Uint8Array, start: number, end: number): string => {
  if (end - start <= shortLimit) {
    const text = shortAscii(bytes, start, end)
    if (text !== undefined) return text
  }
  return utf8Slice === undefined ? decoder.decode(bytes.subarray(start, end)) : utf8Slice.call(bytes, start, end)
}

/**
 * Up to this length, building the string from char codes takes 20 to 35 ns, and a call into the platform 70 to 110. V8 also
 * joins strings this short by copying; longer ones would become trees that have to be flattened at their first use.
 */
const shortLimit = 12

const shortAscii = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  let text = ""
  let at = start
  if (end - at >= 8) {
    const a = bytes[at]
    const b = bytes[at + 1]
    const c = bytes[at + 2]
    const d = bytes[at + 3]
    const e = bytes[at + 4]
    const f = bytes[at + 5]
    const g = bytes[at + 6]
    const h = bytes[at + 7]
    if ((a | b | c | d | e | f | g | h) > 0x7f) return undefined
    text = fromCharCode(a, b, c, d, e, f, g, h)
    at += 8
  }
  if (end - at >= 4) {
    const a = bytes[at]
    const b = bytes[at + 1]
    const c = bytes[at + 2]
    const d = bytes[at + 3]
    if ((a | b | c | d) > 0x7f) return undefined
    text += fromCharCode(a, b, c, d)
    at += 4
  }
  for (; at < end; at++) {
    const a = bytes[at]
    if (a > 0x7f) return undefined
    text += fromCharCode(a)
  }
  return text
}

/**
 * Binary-safe strings: every character is one byte, 0 to 255. They compare, hash and slice like bytes, as the simulated server
 * needs it for keys and values.
 *
 * Node's Buffer, if there is one, reads and writes them faster. Without it the results are the same.
 *
 * @since 0.1.0
 */

/** A text whose characters are bytes. `a < b` compares bytes. */
export type Bin = string

interface Platform {
  readonly Buffer?: {
    readonly prototype: {
      readonly latin1Slice?: (this: Uint8Array, start: number, end: number) => string
      readonly latin1Write?: (this: Uint8Array, text: string, at: number, length: number) => number
    }
  }
}

const buffer = (globalThis as Platform).Buffer?.prototype
const latin1Slice = buffer?.latin1Slice
const latin1Write = buffer?.latin1Write

/** The maximum number of arguments of one call is not much larger than this. */
const charsAtOnce = 8192

/** The bytes of a part of an array, as one character each. The part has to be within the array. */
export const fromBytes = (bytes: Uint8Array, start = 0, end = bytes.length): Bin => {
  if (latin1Slice !== undefined) return latin1Slice.call(bytes, start, end)
  let bin = ""
  for (let at = start; at < end; at += charsAtOnce) {
    bin += String.fromCharCode(...bytes.subarray(at, Math.min(at + charsAtOnce, end)))
  }
  return bin
}

/** Writes the bytes of the characters, starting at a position. There has to be enough room. */
export const writeBytes = (bin: Bin, target: Uint8Array, at: number): void => {
  if (latin1Write !== undefined) latin1Write.call(target, bin, at, bin.length)
  else for (let i = 0; i < bin.length; i++) target[at + i] = bin.charCodeAt(i)
}

/** The bytes of the characters. */
export const toBytes = (bin: Bin): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(bin.length)
  writeBytes(bin, bytes, 0)
  return bytes
}

/** A view to read and write numbers of several bytes. */
export const viewOf = ({ buffer: memory, byteLength, byteOffset }: Uint8Array): DataView =>
  new DataView(memory, byteOffset, byteLength)

const encoder = new TextEncoder()

// With `ignoreBOM`, a byte order mark is kept, because it is part of the value.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const beyondAscii = /[\u0080-\uffff]/

/** The UTF-8 bytes of a text. */
export const fromText = (text: string): Bin => beyondAscii.test(text) ? fromBytes(encoder.encode(text)) : text

/** The text that the bytes are in UTF-8. */
export const toText = (bin: Bin): string => beyondAscii.test(bin) ? decoder.decode(toBytes(bin)) : bin

/** The bytes of a key or a value as controls and tests give it: text, or bytes. */
export const fromInput = (input: string | Uint8Array): Bin =>
  typeof input === "string" ? fromText(input) : fromBytes(input)

/** Orders by bytes, for `Array.sort`. */
export const compare = (a: Bin, b: Bin): number => a < b ? -1 : a > b ? 1 : 0

/**
 * Binary-safe strings: every character is one byte, 0 to 255. They compare, hash and slice as bytes do, which is what the
 * simulated server needs of keys and values.
 *
 * Node's Buffer, where there is one, reads and writes them faster. It is a shortcut only: without it the answers are the same.
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

/** A call can't have many more arguments than this. */
const charsAtOnce = 8192

/** The bytes of a part of an array, which has to be within it, one character each. */
export const fromBytes = (bytes: Uint8Array, start = 0, end = bytes.length): Bin => {
  if (latin1Slice !== undefined) return latin1Slice.call(bytes, start, end)
  let bin = ""
  for (let at = start; at < end; at += charsAtOnce) {
    bin += String.fromCharCode(...bytes.subarray(at, Math.min(at + charsAtOnce, end)))
  }
  return bin
}

/** Writes the bytes that the characters stand for from a position on. There has to be room for them. */
export const writeBytes = (bin: Bin, target: Uint8Array, at: number): void => {
  if (latin1Write !== undefined) latin1Write.call(target, bin, at, bin.length)
  else for (let i = 0; i < bin.length; i++) target[at + i] = bin.charCodeAt(i)
}

/** The bytes that the characters stand for. */
export const toBytes = (bin: Bin): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(bin.length)
  writeBytes(bin, bytes, 0)
  return bytes
}

/** Numbers of several bytes are read and written by this. */
export const viewOf = ({ buffer: memory, byteLength, byteOffset }: Uint8Array): DataView =>
  new DataView(memory, byteOffset, byteLength)

const encoder = new TextEncoder()

// A byte order mark is part of the value, so it must not be swallowed.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const beyondAscii = /[\u0080-\uffff]/

/** The UTF-8 bytes of a text. */
export const fromText = (text: string): Bin => beyondAscii.test(text) ? fromBytes(encoder.encode(text)) : text

/** The text that the bytes are in UTF-8. */
export const toText = (bin: Bin): string => beyondAscii.test(bin) ? decoder.decode(toBytes(bin)) : bin

/** What the controls and tests take for a key or a value: text, or bytes. */
export const fromInput = (input: string | Uint8Array): Bin =>
  typeof input === "string" ? fromText(input) : fromBytes(input)

/** Orders by bytes, for `Array.sort`. */
export const compare = (a: Bin, b: Bin): number => a < b ? -1 : a > b ? 1 : 0

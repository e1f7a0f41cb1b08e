/**
 * Binary-safe strings: every character is one byte, 0 to 255. They compare, hash and slice as bytes do, which is what the
 * simulated server needs of keys and values.
 *
 * @since 0.1.0
 */

/** A text whose characters are bytes. `a < b` compares bytes. */
export type Bin = string

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The bytes, one character each. */
export const fromBytes = (bytes: Uint8Array): Bin => view(bytes).toString("latin1")

/** The bytes that the characters stand for. */
export const toBytes = (bin: Bin): Uint8Array => Buffer.from(bin, "latin1")

/** The UTF-8 bytes of a text. */
export const fromText = (text: string): Bin => Buffer.from(text, "utf8").toString("latin1")

/** The text that the bytes are in UTF-8. */
export const toText = (bin: Bin): string => Buffer.from(bin, "latin1").toString("utf8")

/** What the controls and tests take for a key or a value: text, or bytes. */
export const fromInput = (input: string | Uint8Array): Bin =>
  typeof input === "string" ? fromText(input) : fromBytes(input)

/** Orders by bytes, for `Array.sort`. */
export const compare = (a: Bin, b: Bin): number => a < b ? -1 : a > b ? 1 : 0

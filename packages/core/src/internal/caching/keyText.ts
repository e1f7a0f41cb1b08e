/**
 * Keys as texts by which they can be looked up. Text and bytes that are the same key for the server have the same text.
 */
import type * as Command from "../../Command.ts"

const encoder = new TextEncoder()
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const oneByte = new TextDecoder("latin1")

/** Begins the text of a key that is not UTF-8. No key that is has it: it is half of a surrogate pair, without the other half. */
const notText = 0xd800

const loneSurrogate = /\p{Surrogate}/u

const textOfBytes = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    return String.fromCharCode(notText) + oneByte.decode(bytes)
  }
}

/** Whether the text of a key is the key itself. */
export const isText = (text: string): boolean => text.codePointAt(0) !== notText

export const keyText = (key: Command.Arg): string => {
  if (typeof key !== "string") return textOfBytes(key)
  // It is sent as UTF-8, with U+FFFD for each lone surrogate.
  return loneSurrogate.test(key) ? utf8.decode(encoder.encode(key)) : key
}

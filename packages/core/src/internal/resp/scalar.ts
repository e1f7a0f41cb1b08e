/**
 * Decodes single lines and payloads. Nothing here knows of chunks, aggregates or limits. Malformed text gives `undefined`, and
 * the decoder adds the offset to the error.
 *
 * @since 0.1.0
 */
import { decodeText } from "./text.ts"
import * as Type from "./type.ts"
import { ReplyError } from "./value.ts"
import type { Value } from "./value.ts"

const minInt64 = -(BigInt(2) ** BigInt(63))
const maxInt64 = BigInt(2) ** BigInt(63) - BigInt(1)

const pong = [0x50, 0x4f, 0x4e, 0x47]
const queued = [0x51, 0x55, 0x45, 0x55, 0x45, 0x44]

/** The text of a simple string. OK, PONG and QUEUED, which are nearly all of them, cost no allocation. */
export const simpleString = (data: Uint8Array, start: number, end: number): string => {
  const length = end - start
  if (length === 2 && data[start] === 0x4f && data[start + 1] === 0x4b) return "OK"
  if (length === 4 && matches(data, start, pong)) return "PONG"
  if (length === 6 && matches(data, start, queued)) return "QUEUED"
  return decodeText(data, start, end)
}

const matches = (data: Uint8Array, start: number, word: ReadonlyArray<number>): boolean => {
  for (let index = 0; index < word.length; index++) {
    if (data[start + index] !== word[index]) return false
  }
  return true
}

/** The value of any type that is one line of text, except a simple string. */
export const fromLine = (type: number, text: string): Value | undefined => {
  switch (type) {
    case Type.error:
      return new ReplyError(text)
    case Type.null_:
      return text === "" ? null : undefined
    case Type.boolean:
      return text === "t" ? true : text === "f" ? false : undefined
    case Type.bigNumber:
      return /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined
    case Type.double:
      return toDouble(text)
  }
  return undefined
}

const toDouble = (text: string): number | undefined => {
  if (/^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return Number(text)
  const word = /^([+-]?)(inf|nan)$/i.exec(text)
  if (word === null) return undefined
  if (word[2].toLowerCase() === "nan") return NaN
  return word[1] === "-" ? -Infinity : Infinity
}

/** An integer of more than 15 digits: a bigint where a number would not be exact. `undefined` beyond 64 bits. */
export const toWideInteger = (text: string): number | bigint | undefined => {
  const value = BigInt(text)
  if (value < minInt64 || value > maxInt64) return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Builds a Map from alternating keys and values. */
export const toMap = (items: ReadonlyArray<Value>): ReadonlyMap<Value, Value> => {
  const map = new Map<Value, Value>()
  for (let index = 0; index < items.length; index += 2) map.set(items[index], items[index + 1])
  return map
}

/** A copy with memory of its own. `slice` will not do: Node's Buffer overrides it to return a view. */
export const copyBytes = (data: Uint8Array, start: number, end: number): Uint8Array => {
  const copy = new Uint8Array(end - start)
  if (copy.length > 16) {
    copy.set(data.subarray(start, end))
  } else {
    for (let index = 0; index < copy.length; index++) copy[index] = data[start + index]
  }
  return copy
}

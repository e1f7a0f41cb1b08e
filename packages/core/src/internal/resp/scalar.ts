/**
 * The values of one line or payload, from their bytes. Nothing here knows of chunks, aggregates or limits; text that a type
 * does not allow is `undefined`, and the decoder says where it was.
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

/** The text of a simple string. The three that make up nearly all of them cost no allocation. */
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

/** The value of a type that is one line of text, but for the simple string. */
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

/** An integer of more digits than a number is sure to hold, unless it exceeds 64 bits. */
export const toWideInteger = (text: string): number | bigint | undefined => {
  const value = BigInt(text)
  if (value < minInt64 || value > maxInt64) return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** A map from its keys and values in turn. */
export const toMap = (items: ReadonlyArray<Value>): ReadonlyMap<Value, Value> => {
  const map = new Map<Value, Value>()
  for (let index = 0; index < items.length; index += 2) map.set(items[index], items[index + 1])
  return map
}

/** A copy with memory of its own. `slice` of a Buffer would be a view, and its species another Buffer. */
export const copyBytes = (data: Uint8Array, start: number, end: number): Uint8Array => {
  const copy = new Uint8Array(end - start)
  if (copy.length > 16) {
    copy.set(data.subarray(start, end))
  } else {
    for (let index = 0; index < copy.length; index++) copy[index] = data[start + index]
  }
  return copy
}

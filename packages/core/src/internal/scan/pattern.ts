/**
 * Patterns of keys: the one slot that a pattern may imply, and matching as servers do it, for keys that a server lists by slot
 * instead of by pattern. Pure.
 *
 * Source: `stringmatchlen` in the server's util.c.
 */
import * as Slot from "../../Slot.ts"
import { encodeText } from "../resp/text.ts"

const star = 0x2a
const question = 0x3f
const bracket = 0x5b
const close = 0x5d
const backslash = 0x5c
const caret = 0x5e
const dash = 0x2d
const openBrace = 0x7b
const closeBrace = 0x7d

export const bytesOf = (pattern: string | Uint8Array): Uint8Array =>
  typeof pattern === "string" ? encodeText(pattern) : pattern

/** The bytes that every key begins with that the pattern matches, and whether that is all of the key. */
const literalOf = (pattern: Uint8Array): { readonly bytes: Uint8Array; readonly isWhole: boolean } => {
  const bytes: Array<number> = []
  for (let at = 0; at < pattern.length; at++) {
    const byte = pattern[at]
    if (byte === star || byte === question || byte === bracket) return { bytes: Uint8Array.from(bytes), isWhole: false }
    if (byte === backslash && at + 1 < pattern.length) at++
    bytes.push(pattern[at])
  }
  return { bytes: Uint8Array.from(bytes), isWhole: true }
}

/** The slot of all keys that the pattern can match; undefined if they may be in several. */
export const slotOf = (pattern: Uint8Array): number | undefined => {
  const { bytes, isWhole } = literalOf(pattern)
  if (isWhole) return Slot.fromKey(bytes)
  const open = bytes.indexOf(openBrace)
  const end = open === -1 ? -1 : bytes.indexOf(closeBrace, open + 1)
  // An empty tag is none: the whole key is hashed then, of which the rest is not known.
  return end > open + 1 ? Slot.fromKey(bytes) : undefined
}

interface Class {
  readonly matched: boolean
  /** Behind the closing bracket, or the end of a pattern that has none. */
  readonly next: number
}

const matchClass = (pattern: Uint8Array, open: number, byte: number): Class => {
  let at = open + 1
  const negated = pattern[at] === caret
  if (negated) at++
  let matched = false
  for (; at < pattern.length && pattern[at] !== close; at++) {
    if (pattern[at] === backslash && at + 1 < pattern.length) {
      at++
      if (pattern[at] === byte) matched = true
    } else if (pattern[at + 1] === dash && at + 2 < pattern.length) {
      const low = Math.min(pattern[at], pattern[at + 2])
      const high = Math.max(pattern[at], pattern[at + 2])
      if (byte >= low && byte <= high) matched = true
      at += 2
    } else if (pattern[at] === byte) {
      matched = true
    }
  }
  return { matched: matched !== negated, next: Math.min(at + 1, pattern.length) }
}

/** The position in the pattern behind what matches one byte of a key; -1 if it doesn't match. */
const step = (pattern: Uint8Array, at: number, byte: number): number => {
  const expected = pattern[at]
  if (expected === question) return at + 1
  if (expected === bracket) {
    const { matched, next } = matchClass(pattern, at, byte)
    return matched ? next : -1
  }
  if (expected === backslash && at + 1 < pattern.length) return pattern[at + 1] === byte ? at + 2 : -1
  return expected === byte ? at + 1 : -1
}

/** Whether a whole key matches. */
export const matches = (pattern: Uint8Array, key: Uint8Array): boolean => {
  let p = 0
  let k = 0
  // Where to go on if the key does not fit behind the last star, which takes a byte more then.
  let lastStar = -1
  let starKey = 0
  while (k < key.length || p < pattern.length) {
    if (pattern[p] === star) {
      lastStar = p++
      starKey = k
      continue
    }
    const next = p < pattern.length && k < key.length ? step(pattern, p, key[k]) : -1
    if (next >= 0) {
      p = next
      k++
    } else if (lastStar >= 0 && starKey < key.length) {
      p = lastStar + 1
      k = ++starKey
    } else {
      return false
    }
  }
  return true
}

/**
 * Hash slots: which of the 16384 slots of a cluster a key belongs to, and how to group keys by slot.
 *
 * Everything here is arithmetic on bytes. Which node serves a slot is the business of `SlotMap`.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 * @since 0.1.0
 */

/**
 * The number of hash slots of every cluster. Slots are numbered from 0 to `count - 1`.
 *
 * Source: cluster specification, "Key distribution model".
 *
 * @category constants
 * @since 0.1.0
 */
export const count = 16384

const slotMask = count - 1
const openBrace = 0x7b
const closeBrace = 0x7d

// CRC16/XMODEM: polynomial 0x1021, initial value 0, neither reflected nor inverted.
const table = new Uint16Array(256)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  table[byte] = crc
}

// Bits above the sixteenth are garbage that never shifts down again, so only the final result is masked.
const step = (crc: number, byte: number): number => (crc << 8) ^ table[((crc >> 8) ^ byte) & 0xff]

/** Continues `crc` over the UTF-8 bytes of `key` from `start` to `end`. */
const crcOfText = (key: string, start: number, end: number, crc: number): number => {
  for (let i = start; i < end; i++) {
    let code = key.charCodeAt(i)
    if (code < 0x80) {
      crc = step(crc, code)
      continue
    }
    if (code < 0x800) {
      crc = step(step(crc, 0xc0 | (code >> 6)), 0x80 | (code & 0x3f))
      continue
    }
    if ((code & 0xf800) === 0xd800) {
      const low = code < 0xdc00 && i + 1 < end ? key.charCodeAt(i + 1) : 0
      if ((low & 0xfc00) === 0xdc00) {
        i++
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff)
        crc = step(step(crc, 0xf0 | (code >> 18)), 0x80 | ((code >> 12) & 0x3f))
        crc = step(step(crc, 0x80 | ((code >> 6) & 0x3f)), 0x80 | (code & 0x3f))
        continue
      }
      code = 0xfffd
    }
    crc = step(step(crc, 0xe0 | (code >> 12)), 0x80 | ((code >> 6) & 0x3f))
    crc = step(crc, 0x80 | (code & 0x3f))
  }
  return crc
}

const crcOfBytes = (key: Uint8Array, start: number, end: number, crc: number): number => {
  for (let i = start; i < end; i++) crc = step(crc, key[i])
  return crc
}

// Both loops hash an ASCII key without braces in one pass, and leave the loop at the first other character. Only the first "{"
// can open a hash tag. If it does not, the rest of the key is hashed without another search.
const ofText = (key: string): number => {
  const length = key.length
  let crc = 0
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i)
    if (code === openBrace) {
      const close = key.indexOf("}", i + 1)
      return slotMask & (close > i + 1 ? crcOfText(key, i + 1, close, 0) : crcOfText(key, i, length, crc))
    }
    if (code > 0x7f) {
      const open = key.indexOf("{", i + 1)
      const close = open === -1 ? -1 : key.indexOf("}", open + 1)
      return slotMask & (close > open + 1 ? crcOfText(key, open + 1, close, 0) : crcOfText(key, i, length, crc))
    }
    crc = step(crc, code)
  }
  return crc & slotMask
}

const ofBytes = (key: Uint8Array): number => {
  const length = key.length
  let crc = 0
  for (let i = 0; i < length; i++) {
    const byte = key[i]
    if (byte === openBrace) {
      const close = key.indexOf(closeBrace, i + 1)
      return slotMask & (close > i + 1 ? crcOfBytes(key, i + 1, close, 0) : crcOfBytes(key, i, length, crc))
    }
    crc = step(crc, byte)
  }
  return crc & slotMask
}

/**
 * The hash slot of a key, from 0 to 16383.
 *
 * **Details**
 *
 * The slot is the CRC16/XMODEM of the key's bytes, modulo 16384. A string is hashed as the UTF-8 that goes over the wire,
 * a lone surrogate as U+FFFD, as `TextEncoder` writes it. If the key holds a hash tag (a non-empty text between the first
 * `{` and the first `}` after it), only the tag is hashed.
 *
 * **Gotchas**
 *
 * An empty first pair of braces means that there is no tag at all: `{}{a}` is hashed as a whole.
 *
 * **Example** (Keys that share a tag share a slot)
 *
 * ```ts
 * import { Slot } from "@redisc/core"
 *
 * Slot.fromKey("a") // => 15495
 * Slot.fromKey("{a}:profile") // => 15495
 * Slot.fromKey(new Uint8Array([97])) // => 15495
 * ```
 *
 * Source: cluster specification, "Key distribution model" and "Hash tags".
 *
 * @category hashing
 * @since 0.1.0
 */
export const fromKey = (key: string | Uint8Array): number => typeof key === "string" ? ofText(key) : ofBytes(key)

/**
 * The part of a key that decides its slot: the text of its hash tag, or the whole key if it has none.
 *
 * **Example** (Seeing why two keys do not share a slot)
 *
 * ```ts
 * import { Slot } from "@redisc/core"
 *
 * Slot.hashTag("cart:{42}:items") // => "42"
 * Slot.hashTag("cart:{}:{42}") // => "cart:{}:{42}"
 * ```
 *
 * Source: cluster specification, "Hash tags".
 *
 * @category hashing
 * @since 0.1.0
 */
export const hashTag = (key: string): string => {
  const open = key.indexOf("{")
  const close = open === -1 ? -1 : key.indexOf("}", open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : key
}

/**
 * The keys of one slot, and the position of each in the input.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group<out K> {
  readonly slot: number
  readonly keys: ReadonlyArray<K>
  /** `indexes[i]` is the position that `keys[i]` had in the input. */
  readonly indexes: ReadonlyArray<number>
}

/**
 * Groups keys by slot, because no command may have keys of two slots, even if one node serves both.
 *
 * **Details**
 *
 * Groups are in ascending order of slot, the keys of a group in the order of the input. Duplicates are kept. `indexes` says
 * where each reply belongs when the replies are merged.
 *
 * **Example** (One MGET a slot)
 *
 * ```ts
 * import { Slot } from "@redisc/core"
 *
 * Slot.group(["a", "b", "c{a}"])
 * // => [{ slot: 3300, keys: ["b"], indexes: [1] }, { slot: 15495, keys: ["a", "c{a}"], indexes: [0, 2] }]
 * ```
 *
 * Source: cluster specification, "Implemented subset".
 *
 * @category grouping
 * @since 0.1.0
 */
export const group = <K extends string | Uint8Array>(keys: ReadonlyArray<K>): ReadonlyArray<Group<K>> => {
  const groups = new Map<number, { readonly slot: number; readonly keys: Array<K>; readonly indexes: Array<number> }>()
  for (let index = 0; index < keys.length; index++) {
    const slot = fromKey(keys[index])
    const found = groups.get(slot)
    if (found === undefined) {
      groups.set(slot, { slot, keys: [keys[index]], indexes: [index] })
    } else {
      found.keys.push(keys[index])
      found.indexes.push(index)
    }
  }
  return Array.from(groups.values()).sort((a, b) => a.slot - b.slot)
}

/**
 * The encoding that OBJECT ENCODING reports. Values are not really encoded in several ways here: the encoding follows from the
 * contents, and from the server's limits, either the defaults or those of CONFIG SET.
 *
 * On a real server an aggregate that once grew over its limit keeps the larger encoding. Here it is determined anew every time.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import { parseInt64 } from "../values/arguments.ts"
import type { Bin } from "../values/binary.ts"
import { elementSize } from "./streamLayout.ts"
import type { Value } from "./value.ts"

type Chosen = "raw" | "embstr" | "skiplist"

const chosen = new WeakMap<Value, Chosen>()

/**
 * Gives a value an encoding that does not follow from its contents: a string that was modified, as by APPEND, is `raw` even if
 * it is short, and a sorted set that was sorted is a `skiplist`.
 */
export const encodeAs = (value: Value, encoding: Chosen): void => void chosen.set(value, encoding)

/** Gives a copy the encoding of the original. */
export const encodeLike = (copy: Value, original: Value): void => {
  const encoding = chosen.get(original)
  if (encoding !== undefined) chosen.set(copy, encoding)
}

const longestEmbedded = 44
const sharedIntegers = 10_000

/** The reference count of objects that the server shares between keys. */
export const sharedCount = 2_147_483_647

type Config = ReadonlyMap<string, Bin>

const limit = (config: Config, names: ReadonlyArray<string>, byDefault: number): number => {
  for (const name of names) {
    const value = config.get(name)
    if (value !== undefined) return Number(value)
  }
  return byDefault
}

const small = (config: Config, type: "hash" | "zset", entries: number): readonly [number, number] => [
  limit(config, [`${type}-max-listpack-entries`, `${type}-max-ziplist-entries`], entries),
  limit(config, [`${type}-max-listpack-value`, `${type}-max-ziplist-value`], 64)
]

const isSmallHash = (fields: ReadonlyMap<Bin, Bin>, config: Config): boolean => {
  const [entries, bytes] = small(config, "hash", 512)
  if (fields.size > entries) return false
  for (const [field, value] of fields) if (field.length > bytes || value.length > bytes) return false
  return true
}

const everyMember = (members: Iterable<Bin>, holds: (member: Bin) => boolean): boolean => {
  for (const member of members) if (!holds(member)) return false
  return true
}

const isSmallSet = (members: ReadonlySet<Bin>, config: Config): boolean => {
  const bytes = limit(config, ["set-max-listpack-value"], 64)
  return members.size <= limit(config, ["set-max-listpack-entries"], 128) &&
    everyMember(members, (member) => member.length <= bytes)
}

/**
 * Whether a list is small enough for a listpack. A negative setting stands for a size in bytes: -1 is 4 KiB, and each further
 * step is twice as much.
 */
const isSmallList = (items: ReadonlyArray<Bin>, config: Config): boolean => {
  const size = limit(config, ["list-max-listpack-size", "list-max-ziplist-size"], -2)
  if (size > 0) return items.length <= size
  return items.reduce((sum, item) => sum + elementSize(item), 7) <= 2048 * 2 ** -Math.max(size, -5)
}

const encodingOfString = (value: Extract<Value, { readonly type: "string" }>): string => {
  const known = chosen.get(value)
  if (known !== undefined) return known
  if (parseInt64(value.value) !== undefined) return "int"
  return value.value.length <= longestEmbedded ? "embstr" : "raw"
}

export const encodingOf = (value: Value, config: Config, version: Version): string => {
  switch (value.type) {
    case "string":
      return encodingOfString(value)
    case "list":
      return since(version, 7.2) && isSmallList(value.items, config) ? "listpack" : "quicklist"
    case "hash":
      return isSmallHash(value.fields, config) ? "listpack" : "hashtable"
    case "set": {
      const integers = everyMember(value.members, (member) => parseInt64(member) !== undefined)
      if (integers && value.members.size <= limit(config, ["set-max-intset-entries"], 512)) return "intset"
      return since(version, 7.2) && isSmallSet(value.members, config) ? "listpack" : "hashtable"
    }
    case "zset": {
      const [entries, bytes] = small(config, "zset", 128)
      if (chosen.has(value) || value.zset.size > entries) return "skiplist"
      for (const { member } of value.zset.entries()) if (member.length > bytes) return "skiplist"
      return "listpack"
    }
    case "stream":
      return "stream"
  }
}

/** The reference count: small integers are shared. */
export const referencesTo = (value: Value): number => {
  if (value.type !== "string" || encodingOfString(value) !== "int") return 1
  const number = Number(value.value)
  return number >= 0 && number < sharedIntegers ? sharedCount : 1
}

/**
 * The values of keys: the six types of Redis.
 *
 * @since 0.1.0
 */
import type { Bin } from "../values/binary.ts"
import type { SortedSet } from "./sortedSet.ts"
import type { Stream } from "./stream.ts"

/** Commands change a value in place and then call `touch`. */
export type Value =
  | { readonly type: "string"; value: Bin }
  | { readonly type: "hash"; readonly fields: Map<Bin, Bin>; readonly expiry: Map<Bin, number> }
  | { readonly type: "list"; items: Array<Bin> }
  | { readonly type: "set"; readonly members: Set<Bin> }
  | { readonly type: "zset"; readonly zset: SortedSet }
  | { readonly type: "stream"; readonly stream: Stream }

/** A copy that shares nothing with the original. */
export const copyValue = (value: Value): Value => {
  switch (value.type) {
    case "string":
      return { type: "string", value: value.value }
    case "hash":
      return { type: "hash", fields: new Map(value.fields), expiry: new Map(value.expiry) }
    case "list":
      return { type: "list", items: value.items.slice() }
    case "set":
      return { type: "set", members: new Set(value.members) }
    case "zset":
      return { type: "zset", zset: value.zset.clone() }
    case "stream":
      return { type: "stream", stream: value.stream.clone() }
  }
}

/** Whether a value is empty, so that its key has to be removed. */
export const isEmpty = (value: Value): boolean => {
  switch (value.type) {
    case "hash":
      return value.fields.size === 0
    case "list":
      return value.items.length === 0
    case "set":
      return value.members.size === 0
    case "zset":
      return value.zset.size === 0
    // Strings and streams may be empty.
    default:
      return false
  }
}

/**
 * Times to live of single hash fields, as in Redis 7.4.
 *
 * @since 0.1.0
 */
import type { Bin } from "../values/binary.ts"
import type { Value } from "./value.ts"

/** A value of type `hash`. */
export type Hash = Extract<Value, { readonly type: "hash" }>

/** Removes the fields whose time is up, and returns whether there were any. */
export const expireFields = (hash: Hash, now: number): boolean => {
  let expired = false
  for (const [field, at] of hash.expiry) {
    if (at > now) continue
    removeField(hash, field)
    expired = true
  }
  return expired
}

/** Removes a field and its time to live. */
export const removeField = (hash: Hash, field: Bin): boolean => {
  hash.expiry.delete(field)
  return hash.fields.delete(field)
}

/** The condition for setting a time to live: none, or a comparison with the previous one. */
export type Condition = "" | "NX" | "XX" | "GT" | "LT"

/**
 * Sets a field's time to live. The result is HEXPIRE's reply: -2 no such field, 0 the condition failed, 1 set, 2 the time is
 * over and the field was removed.
 */
export const expireField = (hash: Hash, field: Bin, at: number, condition: Condition, now: number): -2 | 0 | 1 | 2 => {
  if (!hash.fields.has(field)) return -2
  const before = hash.expiry.get(field)
  const met = before === undefined
    ? condition !== "XX" && condition !== "GT"
    : condition === "GT"
    ? at > before
    : condition === "LT"
    ? at < before
    : condition !== "NX"
  if (!met) return 0
  if (at <= now) {
    removeField(hash, field)
    return 2
  }
  hash.expiry.set(field, at)
  return 1
}

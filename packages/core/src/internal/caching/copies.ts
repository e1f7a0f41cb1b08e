/** Copies of replies: the one that is kept, and those that readers get, so that nobody can change what others read. */
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"
import { isIndependent } from "../commands/reply.ts"

/** Bytes with memory of their own. `slice` will not do: Node's Buffer overrides it to return a view. */
const ownBytes = (bytes: Uint8Array): Uint8Array => {
  const own = new Uint8Array(bytes.length)
  own.set(bytes)
  return own
}

const ownMap = (map: ReadonlyMap<Resp.Value, Resp.Value>): ReadonlyMap<Resp.Value, Resp.Value> => {
  const own = new Map<Resp.Value, Resp.Value>()
  for (const [key, value] of map) own.set(copied(key), copied(value))
  return own
}

/**
 * What is kept of a reply, and what each reader of it gets: text, numbers and null as they are, aggregates and bytes as copies, in
 * all depths.
 *
 * A copy may also be smaller: bytes that are part of a larger buffer keep all of it alive, and an array that was filled one by one
 * has room for more.
 */
export const copied = (value: Resp.Value): Resp.Value => {
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return ownBytes(value)
  if (Array.isArray(value)) return value.map(copied)
  return value instanceof Map ? ownMap(value) : value
}

/** What a reader's decoder gets of a kept reply: a copy, if anything of it may be in what is decoded. */
export const forReader = ({ bytes, decode }: Command.Any, value: Resp.Value): Resp.Value =>
  typeof value !== "object" || (!bytes && isIndependent(decode)) ? value : copied(value)

/** The arguments of a command that is kept. Text stays, and bytes are copied, because they are the caller's. */
export const keptArgs = (args: ReadonlyArray<string | Uint8Array>): ReadonlyArray<string | Uint8Array> =>
  args.some((arg) => typeof arg !== "string")
    ? args.map((arg) => typeof arg === "string" ? arg : ownBytes(arg))
    : args

/**
 * The data that a test puts in and looks at, as plain functions that throw a `FakeClusterError` for invalid arguments.
 *
 * @since 0.1.0
 */
import type { FakeNode } from "../cluster/node.ts"
import type { Value } from "../data/value.ts"
import * as Checks from "../input/checks.ts"
import { fail, shown } from "../input/checks.ts"
import { compare, fromInput, toText } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"

/** A value that `seed` can store. */
export type Seed =
  | string
  | number
  | Uint8Array
  | ReadonlyArray<string | Uint8Array>
  | ReadonlySet<string | Uint8Array>
  | ReadonlyMap<string | Uint8Array, string | Uint8Array>

/** The database that a control is about. */
export interface DatabaseOptions {
  /** Its number, 0 by default. */
  readonly database?: number | undefined
}

/** The number of a database that a node has. */
export const databaseOf = (options: DatabaseOptions | undefined, count: number): number => {
  if (options === undefined) return 0
  Checks.record("the options", options, ["database"])
  const { database = 0 } = options
  Checks.whole("database", database, 0)
  return database < count ? database : fail(`there is no database ${database}: there are ${count}, from 0`)
}

/** The bytes of a value that is given as text, bytes or a number. */
const binOf = (key: string, value: unknown): Bin =>
  fromInput(Checks.word(`what is to be stored in ${shown(key)}`, value))

const valueOf = (key: string, seed: Seed): Value => {
  const bin = (value: unknown) => binOf(key, value)
  if (seed instanceof Set) return { type: "set", members: new Set(Array.from(seed, bin)) }
  if (seed instanceof Map) {
    return {
      type: "hash",
      fields: new Map(Array.from(seed, ([field, value]) => [bin(field), bin(value)])),
      expiry: new Map()
    }
  }
  if (Array.isArray(seed)) {
    if (seed.length === 0) fail(`the list to be stored in ${shown(key)} is empty, and Redis keeps no empty list`)
    return { type: "list", items: Array.from(seed, bin) }
  }
  return { type: "string", value: bin(seed) }
}

/** Stores values at their owners, as if they had always been there. */
export const seed = (
  ownerOf: (key: Bin) => FakeNode,
  data: Readonly<Record<string, Seed>>,
  options?: DatabaseOptions
): void => {
  Checks.record("what is to be stored", data)
  const values = Object.entries(data).map(([text, value]) => [fromInput(text), valueOf(text, value)] as const)
  for (const [key, value] of values) {
    const owner = ownerOf(key)
    const keyspace = owner.data.at(databaseOf(options, owner.data.count))
    keyspace.set(key, value)
    keyspace.touch(key, "restore", "g")
    owner.propagate()
    owner.afterCommand()
  }
}

/** Removes keys at their owners as if memory were short there, and returns how many of them there were. */
export const evict = (
  ownerOf: (key: Bin) => FakeNode,
  keys: ReadonlyArray<string | Uint8Array>,
  options?: DatabaseOptions
): number => {
  const found = Checks.list("the keys", keys).map((key) => fromInput(Checks.word("a key", key)))
  let count = 0
  for (const key of found) {
    const owner = ownerOf(key)
    if (!owner.data.at(databaseOf(options, owner.data.count)).evict(key)) continue
    count++
    owner.evictions++
    owner.propagate()
    owner.afterCommand()
  }
  return count
}

/** The keys of nodes together, in order. */
export const keys = (nodes: ReadonlyArray<FakeNode>, options?: DatabaseOptions): ReadonlyArray<string> =>
  nodes.flatMap((node) => Array.from(node.data.at(databaseOf(options, node.data.count)).keys()))
    .sort(compare).map(toText)

/**
 * Decoders: from replies to the types that commands promise. A decoder throws {@link Mismatch} and nothing else; its caller
 * turns that into `DecodeFailed`. The RESP2 and RESP3 forms of a reply decode to the same value.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Resp from "../../Resp.ts"
import { decodeText } from "../resp/text.ts"
import * as Fit from "./fit.ts"

const TypeId = "~@redisc/core/Mismatch" as const

/** The reply does not have the promised form. Holds kinds of values, never contents, and the path if a Schema found it. */
export class Mismatch {
  readonly [TypeId] = TypeId
  readonly expected: string
  readonly received: string
  readonly path: string | undefined
  constructor(expected: string, received: string, path?: string) {
    this.expected = expected
    this.received = received
    this.path = path
  }
}

/** Whether a thrown value is a Mismatch. Not `instanceof`: a command of another copy of the package throws its own class. */
export const isMismatch = (value: unknown): value is Mismatch => Predicate.hasProperty(value, TypeId)

export type Decode<A> = (value: Resp.Value) => A

/** Describes a reply without its contents: "an array of 3", "an integer". Values that callers give have `kindOf`. */
export const describeReply = (value: unknown): string => {
  if (value === null) return "null"
  if (value === undefined) return "nothing"
  if (value instanceof Uint8Array) return "bytes"
  if (value instanceof Resp.ReplyError) return `an error (${value.code})`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof Map) return `a map of ${value.size}`
  if (typeof value === "number") return Number.isSafeInteger(value) ? "an integer" : "a double"
  if (typeof value === "bigint") return "an integer beyond 2^53"
  return `a ${typeof value}`
}

const fail = (expected: string, value: unknown): never => {
  throw new Mismatch(expected, describeReply(value))
}

/** The text of a string. Under `Command.bytes` strings arrive as bytes, but names and numbers are still decoded as text. */
const asText = (value: Resp.Value): string | undefined =>
  typeof value === "string" ? value : value instanceof Uint8Array ? decodeText(value, 0, value.length) : undefined

/** Any reply, unchanged. An error inside it stays a value. */
export const raw: Decode<Resp.Value> = (value) => value

/** A string. Under `Command.bytes` it is bytes at run time, and `Command.bytes` changes the command's type accordingly. */
export const text: Decode<string> = (value) =>
  typeof value === "string" || value instanceof Uint8Array ? value as string : fail("a string", value)

export const textOrNull: Decode<string | null> = (value) => value === null ? null : text(value)

/** A string that stays text under `Command.bytes`: a field's name, a status, a type. */
export const name: Decode<string> = (value) => asText(value) ?? fail("a string", value)

export const ok: Decode<"OK"> = (value) => asText(value) === "OK" ? "OK" : fail("OK", value)

export const okOrNull: Decode<"OK" | null> = (value) => value === null ? null : ok(value)

export const integer: Decode<number> = (value) => {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value
  const digits = asText(value)
  const parsed = digits === undefined || digits === "" ? NaN : Number(digits)
  return Number.isSafeInteger(parsed) ? parsed : fail("an integer within 2^53", value)
}

export const integerOrNull: Decode<number | null> = (value) => value === null ? null : integer(value)

/** An integer of any size. */
export const bigint: Decode<bigint> = (value) => {
  if (typeof value === "bigint") return value
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value)
  const digits = asText(value)
  return digits !== undefined && /^-?\d+$/.test(digits) ? BigInt(digits) : fail("an integer", value)
}

/** RESP3 sends doubles as such, RESP2 as text with `inf`, `-inf` and `nan`. */
export const double: Decode<number> = (value) => {
  if (typeof value === "number") return value
  const digits = asText(value)?.toLowerCase()
  if (digits === "inf" || digits === "+inf") return Infinity
  if (digits === "-inf") return -Infinity
  if (digits === "nan" || digits === "-nan") return NaN
  const parsed = digits === undefined || digits === "" ? NaN : Number(digits)
  return Number.isNaN(parsed) ? fail("a number", value) : parsed
}

export const doubleOrNull: Decode<number | null> = (value) => value === null ? null : double(value)

/** 1 and 0, or RESP3's true and false. */
export const boolean: Decode<boolean> = (value) => {
  if (value === 1 || value === true) return true
  if (value === 0 || value === false) return false
  return fail("0 or 1", value)
}

/** Decoders to text and numbers, and to arrays and records of these. What they make of bytes does not count. */
const independent = new WeakSet<Decode<unknown>>([
  text,
  textOrNull,
  name,
  integer,
  integerOrNull,
  double,
  doubleOrNull,
  boolean
])

/** A decoder to a new array or record of what another one decodes. */
const composed = <A>(item: Decode<unknown>, decode: Decode<A>): Decode<A> => {
  if (independent.has(item)) independent.add(decode)
  return decode
}

/** Whether nothing of a reply without bytes is in what is decoded from it, so that whoever gets this can't change the reply. */
export const isIndependent = (decode: Decode<unknown>): boolean => independent.has(decode)

export const array = <A>(item: Decode<A>): Decode<ReadonlyArray<A>> =>
  composed(item, (value) => Array.isArray(value) ? value.map(item) : fail("an array", value))

export const arrayOrNull = <A>(item: Decode<A>): Decode<ReadonlyArray<A> | null> => {
  const items = array(item)
  return (value) => value === null ? null : items(value)
}

/** The entries of a map: a RESP3 map, an array of pairs, or RESP2's flat array of alternating keys and values. */
export const entries = <K, V>(key: Decode<K>, item: Decode<V>): Decode<ReadonlyArray<readonly [K, V]>> => (value) => {
  if (value instanceof Map) return Array.from(value, ([k, v]) => [key(k), item(v)] as const)
  if (!Array.isArray(value)) return fail("a map", value)
  if (value.length > 0 && Array.isArray(value[0])) {
    return value.map((pair) =>
      Array.isArray(pair) && pair.length === 2 ? [key(pair[0]), item(pair[1])] as const : fail("a pair", pair)
    )
  }
  if (value.length % 2 !== 0) return fail("alternating keys and values", value)
  const pairs: Array<readonly [K, V]> = []
  for (let i = 0; i < value.length; i += 2) pairs.push([key(value[i]), item(value[i + 1])])
  return pairs
}

/** A map with text keys as a plain record. It has no prototype, so that a field named `__proto__` is a field. */
export const record = <V>(item: Decode<V>): Decode<Record<string, V>> => {
  const pairs = entries(name, item)
  return composed(item, (value) => {
    const result: Record<string, V> = Object.create(null)
    if (value instanceof Map) {
      for (const [key, field] of value) result[name(key)] = item(field)
      return result
    }
    for (const [key, decoded] of pairs(value)) result[key] = decoded
    return result
  })
}

/**
 * A page of a SCAN command. The cursor is an integer of 64 bits, kept as text to keep it exact; its type says so, which
 * also keeps it text under `Command.bytes`.
 */
export const page = <A>(items: Decode<A>): Decode<{ readonly cursor: `${bigint}`; readonly items: A }> => (value) =>
  Array.isArray(value) && value.length === 2
    ? { cursor: `${bigint(value[0])}`, items: items(value[1]) }
    : fail("a cursor and a page of items", value)

/** Casts a decoder for a command whose overloads declare the type of the reply. */
export const overloaded = <A>(decode: Decode<A>): Decode<never> => decode as Decode<never>

/** Decodes nil as null, anything else with the given decoder. */
export const nullOr = <A>(decode: Decode<A>): Decode<A | null> => (value) => value === null ? null : decode(value)

/** An array of two. */
export const pair =
  <A, B, C>(first: Decode<A>, second: Decode<B>, make: (first: A, second: B) => C): Decode<C> => (value) =>
    Array.isArray(value) && value.length === 2
      ? make(first(value[0]), second(value[1]))
      : fail("an array of 2", value)

/** The entries of a map as a list of results of `make`: for maps whose keys may be bytes, or may repeat. */
export const list = <K, V, A>(key: Decode<K>, item: Decode<V>, make: (key: K, item: V) => A) => {
  const pairs = entries(key, item)
  return (value: Resp.Value): ReadonlyArray<A> => pairs(value).map(([key, item]) => make(key, item))
}

/** One of the given integers. */
export const among = <const A extends number>(codes: ReadonlyArray<A>): Decode<A> => (value) =>
  codes.find((code) => code === value) ?? fail(`one of ${codes.join(", ")}`, value)

/** Decodes the reply, nil included, with a Schema. */
export const schema = <A>(codec: Schema.Decoder<A>): Decode<A> => {
  const decode = Fit.decoder(codec)
  return (value) => {
    const result = decode(value)
    if (Result.isSuccess(result)) return result.success
    const { expected, path, received } = result.failure
    throw new Mismatch(expected, received, path)
  }
}

/** A record of the `name:value` lines of a text, as INFO and CLUSTER INFO reply. Other lines, the headings, are left out. */
export const lines: Decode<Record<string, string>> = (value) => {
  const result: Record<string, string> = Object.create(null)
  for (const line of name(value).split(/\r?\n/)) {
    const colon = line.indexOf(":")
    if (colon > 0 && !line.startsWith("#")) result[line.slice(0, colon)] = line.slice(colon + 1)
  }
  return result
}

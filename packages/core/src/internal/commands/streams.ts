/**
 * What the commands of streams and of consumer groups have in common: entries as they are decoded, and how XREAD and
 * XREADGROUP are told what to read.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"
import * as Args from "./args.ts"
import * as Reply from "./reply.ts"

/**
 * The ID of an entry: milliseconds, which are the Unix time unless the writer says otherwise, and a number that tells
 * entries of the same millisecond apart. It stays text under `Command.bytes`.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamId = `${bigint}-${bigint}`

/**
 * The fields of an entry in their order, each a name and a value. A name may come more than once, which is why they are
 * no record; `Object.fromEntries(fields)` makes one, where the last value of a name counts. `XADD` takes them as
 * they are.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamFields = ReadonlyArray<readonly [field: string, value: string]>

/**
 * An entry of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamEntry {
  readonly id: StreamId
  readonly fields: StreamFields
}

const isId = (text: string): text is StreamId => /^\d+-\d+$/.test(text)

/** An ID, which stays text under `Command.bytes`. */
export const id: Reply.Decode<StreamId> = (value) => {
  const text = Reply.name(value)
  if (isId(text)) return text
  throw new Reply.Mismatch("the ID of an entry", "another text")
}

export const idOrNull = Reply.nullOr(id)

export const ids = Reply.array(id)

/** RESP3 has fields as a flat array, too, since a name may come twice. */
export const fields: Reply.Decode<StreamFields> = Reply.entries(Reply.text, Reply.text)

export const entry = Reply.pair(id, fields, (id, fields): StreamEntry => ({ id, fields }))

export const entries = Reply.array(entry)

/** What XINFO says, by the names that Redis gives it. */
export const info = Reply.record(Reply.raw)

export const tuple = (value: Resp.Value, length: number): ReadonlyArray<Resp.Value> => {
  if (Array.isArray(value) && value.length === length) return value
  throw new Reply.Mismatch(`an array of ${length}`, Reply.kindOf(value))
}

/** The streams of XREAD or XREADGROUP that had something, nil when none had. */
export const read = <A>(entry: Reply.Decode<A>) =>
  Reply.nullOr(Reply.list(Reply.text, Reply.array(entry), (key, entries) => ({ key, entries })))

/** `COUNT count`. Redis reads 0 as no limit in one command and as nothing in the next. To be spread. */
export const count = (count: number | undefined): Args.Args =>
  Args.option("COUNT", count, (count) => Args.atLeast(1, count, "the count"))

const encoder = new TextEncoder()

const bytesOf = (key: Command.Arg): string => `${typeof key === "string" ? encoder.encode(key) : key}`

/** `STREAMS key [key ...] id [id ...]`. RESP3 replies a map, which has no room for a stream that is named twice. */
const sources = (streams: Args.Entries): Args.Args => {
  const pairs = Args.entries(streams, "stream")
  const keys = pairs.filter((_, index) => index % 2 === 0)
  if (new Set(keys.map(bytesOf)).size < keys.length) return Args.refuse("name each stream once")
  return ["STREAMS", ...keys, ...pairs.filter((_, index) => index % 2 === 1)]
}

/** How many entries at most. */
export const countOptions = Args.options<{ readonly count?: number | undefined }>({ count: Args.any })

/** How much to read, and whether to wait for it. */
export interface ReadOptions {
  readonly count?: number | undefined
  readonly block?: Duration.Input | undefined
}

/** What XREAD and XREADGROUP say last: the options that they share, and the streams. To be spread. */
export const reading = (streams: Args.Entries, options: ReadOptions): Args.Args => [
  ...count(options.count),
  ...Args.option("BLOCK", options.block, Args.timeoutMillis),
  ...sources(streams)
]

/**
 * Shared by the commands of streams and of consumer groups: the decoders of entries, and the arguments with which XREAD and
 * XREADGROUP name what to read.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"
import * as Args from "./args.ts"
import * as Reply from "./reply.ts"

/**
 * The ID of an entry: milliseconds (the Unix time, unless the writer chose another number) and a sequence number that tells
 * entries of the same millisecond apart. It stays text under `Command.bytes`.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamId = `${bigint}-${bigint}`

/**
 * The fields of an entry in order, each a name and a value. They are not a record because a name may occur more than once;
 * `Object.fromEntries(fields)` makes a record with the last value of each name. `XADD` takes the fields in this form.
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

/** A flat array in RESP3, too: it is no map there because a name may occur twice. */
export const fields: Reply.Decode<StreamFields> = Reply.entries(Reply.text, Reply.text)

export const entry = Reply.pair(id, fields, (id, fields): StreamEntry => ({ id, fields }))

export const entries = Reply.array(entry)

/** The reply of XINFO, by Redis' field names. */
export const info = Reply.record(Reply.raw)

export const tuple = (value: Resp.Value, length: number): ReadonlyArray<Resp.Value> => {
  if (Array.isArray(value) && value.length === length) return value
  throw new Reply.Mismatch(`an array of ${length}`, Reply.describeReply(value))
}

/** The reply of XREAD or XREADGROUP: the streams that had entries; nil if none had. */
export const read = <A>(entry: Reply.Decode<A>) =>
  Reply.nullOr(Reply.list(Reply.text, Reply.array(entry), (key, entries) => ({ key, entries })))

/** `COUNT count`. Refuses 0, which means no limit in some commands and no entries in others. To be spread. */
export const count = (count: number | undefined): Args.Args =>
  Args.option("COUNT", count, (count) => Args.atLeast(1, count, "the count"))

const encoder = new TextEncoder()

const bytesOf = (key: Command.Arg): string => `${typeof key === "string" ? encoder.encode(key) : key}`

/** `STREAMS key [key ...] id [id ...]`. Refuses duplicate streams: RESP3 replies with a map, which holds each key once. */
const sources = (streams: Args.Entries): Args.Args => {
  const pairs = Args.entries(streams, "stream")
  const keys = pairs.filter((_, index) => index % 2 === 0)
  if (new Set(keys.map(bytesOf)).size < keys.length) return Args.refuse("name each stream once")
  return ["STREAMS", ...keys, ...pairs.filter((_, index) => index % 2 === 1)]
}

/** The maximum number of entries. */
export const countOptions = Args.options<{ readonly count?: number | undefined }>({ count: Args.any })

/** How many entries to read, and how long to wait for the first. */
export interface ReadOptions {
  readonly count?: number | undefined
  readonly block?: Duration.Input | undefined
}

/** The last arguments of XREAD and XREADGROUP: the options that they share, and the streams. To be spread. */
export const reading = (streams: Args.Entries, options: ReadOptions): Args.Args => [
  ...count(options.count),
  ...Args.option("BLOCK", options.block, Args.timeoutMillis),
  ...sources(streams)
]

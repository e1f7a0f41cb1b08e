/**
 * What Redis Cloud and Redis Software announce before a connection would suffer: that its endpoint moves, that a shard migrates or
 * fails over, and that slots move. The pushes are read tolerantly, since their shapes were never specified and have changed.
 *
 * ```
 *   MOVING        seq seconds endpoint        endpoint: host:port, or null for the one that was connected to
 *   MIGRATING     seq seconds [shards]        MIGRATED     seq [shards]
 *   FAILING_OVER  seq seconds [shards]        FAILED_OVER  seq [shards]
 *   SMIGRATING    seq slots                   SMIGRATED    seq [[source target slots] ...]
 * ```
 *
 * Source: https://redis.io/docs/latest/develop/clients/sch/
 */
import * as Result from "effect/Result"
import type * as Resp from "../../Resp.ts"
import * as Slot from "../../Slot.ts"

/** Slots that are at another node by now. Without `source` it is not known where they were. */
export interface SlotMove {
  readonly source: string | undefined
  /** The endpoint, as the server writes it. */
  readonly target: string
  /** The first and the last slot of each range. */
  readonly ranges: ReadonlyArray<readonly [first: number, last: number]>
}

/** What takes a while, so that answers may be late. */
export type Work = "Migrating" | "FailingOver" | "SlotsMigrating"

export type Notice =
  /** The endpoint is elsewhere in so many milliseconds. Without `endpoint` the one that was connected to leads there. */
  | { readonly _tag: "Moving"; readonly seq: number; readonly millis: number; readonly endpoint: string | undefined }
  | { readonly _tag: "Begins"; readonly work: Work; readonly seq: number; readonly millis: number }
  | { readonly _tag: "Ended"; readonly work: Work; readonly seq: number }
  /** Slots have moved. `unread` says what of it could not be read. */
  | {
    readonly _tag: "SlotsMoved"
    readonly seq: number
    readonly moves: ReadonlyArray<SlotMove>
    readonly unread: string | undefined
  }

/** The kinds of pushes. */
export const kinds: ReadonlyArray<string> = [
  "MOVING",
  "MIGRATING",
  "MIGRATED",
  "FAILING_OVER",
  "FAILED_OVER",
  "SMIGRATING",
  "SMIGRATED"
]

const begins: ReadonlyMap<string, Work> = new Map([
  ["MIGRATING", "Migrating"],
  ["FAILING_OVER", "FailingOver"],
  ["SMIGRATING", "SlotsMigrating"]
])
const ends: ReadonlyMap<string, Work> = new Map([["MIGRATED", "Migrating"], ["FAILED_OVER", "FailingOver"]])

/** The longest time that a server may announce, in milliseconds. */
const longest = 600_000

/** Reads a push, which the decoder gives with its kind as the first element. Fails with the problem. */
export const read = (values: ReadonlyArray<Resp.Value>): Result.Result<Notice, string> => {
  const [kind, first, second, third] = values
  const said = typeof kind === "string" ? kind : ""
  const seq = integerOf(first)
  if (seq === undefined) return Result.fail(`${said} without a sequence number`)
  if (said === "SMIGRATED") return Result.succeed(slotsMoved(seq, values.slice(2)))
  const ended = ends.get(said)
  if (ended !== undefined) return Result.succeed({ _tag: "Ended", work: ended, seq })
  const work = begins.get(said)
  const seconds = work === "SlotsMigrating" ? 0 : integerOf(second)
  if (seconds === undefined) {
    // What takes a while relaxes deadlines, whatever the server says of its time.
    return work === undefined
      ? Result.fail(`${said} without the seconds until then`)
      : Result.succeed({ _tag: "Begins", work, seq, millis: 0 })
  }
  const millis = Math.min(Math.max(seconds * 1000, 0), longest)
  if (work !== undefined) return Result.succeed({ _tag: "Begins", work, seq, millis })
  if (third === undefined || third === null || third === "") {
    return Result.succeed({ _tag: "Moving", seq, millis, endpoint: undefined })
  }
  return typeof third === "string" && isEndpoint(third)
    ? Result.succeed({ _tag: "Moving", seq, millis, endpoint: third })
    : Result.fail(`${said} with an endpoint that is not host:port`)
}

const integerOf = (value: Resp.Value | undefined): number | undefined => {
  const number = typeof value === "bigint" || (typeof value === "string" && /^-?\d{1,15}$/.test(value))
    ? Number(value)
    : value
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined
}

/** Whether text is `host:port`. Hosts may contain colons, so that only the last one counts. */
const isEndpoint = (text: string): boolean => /^.+:\d{1,5}$/.test(text) && !/\s/.test(text)

/** Parts such as `5` and `7-9`. A comma may be one too many. */
const partsOf = (text: string): ReadonlyArray<string> =>
  text.split(",").map((part) => part.trim()).filter((part) => part !== "")

const isSlots = (text: string): boolean => {
  const parts = partsOf(text)
  return parts.length > 0 && parts.every((part) => /^\d{1,20} ?(- ?\d{1,20})?$/.test(part))
}

/** All that is nested in a push, in order. The decoder limits how much and how deep it is. */
const leaves = (values: ReadonlyArray<Resp.Value>): ReadonlyArray<Resp.Value> =>
  values.flatMap((value) => Array.isArray(value) ? leaves(value) : [value])

/**
 * Reads the moves from the order of endpoints and slots alone, whatever is nested in what: two endpoints are a source and a
 * target, and a single one is a target.
 */
const slotsMoved = (seq: number, values: ReadonlyArray<Resp.Value>): Notice => {
  const moves: Array<SlotMove> = []
  let unread: string | undefined
  let endpoints: Array<string | undefined> = []
  let ranges: Array<readonly [number, number]> = []
  let isBroken = false
  const close = (): void => {
    if (endpoints.length + ranges.length > 0 || isBroken) {
      const [one, other] = endpoints
      const target = endpoints.length === 2 ? other : one
      if (isBroken || target === undefined || ranges.length === 0 || endpoints.length > 2) {
        unread ??= "SMIGRATED with something else than a source, a target and slots"
      } else {
        moves.push({ source: endpoints.length === 2 ? one : undefined, target, ranges })
      }
    }
    endpoints = []
    ranges = []
    isBroken = false
  }
  for (const value of leaves(values)) {
    const text = typeof value === "string" ? value : integerOf(value)?.toString()
    if (text !== undefined && isSlots(text)) {
      const read = rangesOf(text)
      if (read === undefined) isBroken = true
      else ranges.push(...read)
      continue
    }
    if (ranges.length > 0 || (isBroken && endpoints.length > 0)) close()
    if (value === null || text === "" || text === "?") endpoints.push(undefined)
    else if (text !== undefined && isEndpoint(text)) endpoints.push(text)
    else isBroken = true
  }
  close()
  if (moves.length === 0) unread ??= "SMIGRATED without any slots"
  return { _tag: "SlotsMoved", seq, moves, unread }
}

const rangesOf = (text: string): Array<readonly [number, number]> | undefined => {
  const ranges: Array<readonly [number, number]> = []
  for (const part of partsOf(text)) {
    const [first, last = first] = part.split("-").map(Number)
    if (first > last || last >= Slot.count) return undefined
    ranges.push([first, last])
  }
  return ranges
}

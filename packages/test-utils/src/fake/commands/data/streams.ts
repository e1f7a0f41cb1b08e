/**
 * Streams: add, trim, delete, and read by ID.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { Stream } from "../../data/stream.ts"
import type { Limits, Trim } from "../../data/stream.ts"
import * as StreamId from "../../data/streamId.ts"
import type { Bin, Group, Invocation, Node } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import { int64, integer, syntaxError, word, wrongNumber } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { consumerGroups } from "./consumerGroups.ts"
import { streamInfo } from "./streamInfo.ts"
import { streamReads } from "./streamReads.ts"
import { entryReply, idReply, take } from "./streamReply.ts"

const { array, integer: number, null: nil, nullArray, simple } = Resp.Reply

const configured = (node: Node, name: string, value: number): number => Number(node.config.get(name) ?? value)

const limitsOf = (node: Node): Limits => ({
  entries: configured(node, "stream-node-max-entries", 100),
  bytes: configured(node, "stream-node-max-bytes", 4096)
})

interface AddOptions {
  readonly create: boolean
  readonly trim: Trim | undefined
  /** The given ID; undefined if the stream chooses it. */
  readonly id: StreamId.Parsed | undefined
  /** The index of the first field. */
  readonly next: number
}

const bothStrategies = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
const limitAlone = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
const noStrategy = "ERR syntax error, XTRIM must be called with either MAXLEN or MINID strategy"
const limitExact = "ERR syntax error, LIMIT cannot be used without the special ~ option"

/** The limit of an approximate trim if the client gives none. */
const defaultLimit = (node: Node): number => {
  const limit = 100 * limitsOf(node).entries
  return limit <= 0 ? 10_000 : Math.min(limit, 1_000_000)
}

/** The options that XADD and XTRIM share, up to the ID of XADD. */
const addOptions = ({ args, node }: Invocation, adding: boolean): AddOptions => {
  let create = true
  let keep: Trim["keep"] | undefined
  let approximate = false
  let limit: number | undefined
  let id: StreamId.Parsed | undefined
  let at = 1
  for (; at < args.length; at++) {
    const option = word(args[at])
    const more = args.length - 1 - at
    if (adding && args[at] === "*") break
    if ((option === "MAXLEN" || option === "MINID") && more > 0) {
      if (keep !== undefined) throw new CommandError(bothStrategies)
      const sign = args[at + 1]
      approximate = more > 1 && sign === "~"
      at += more > 1 && (sign === "~" || sign === "=") ? 2 : 1
      if (option === "MINID") {
        keep = { from: StreamId.parse(args[at]) }
      } else {
        const length = int64(args[at])
        if (length < 0n) throw new CommandError("ERR The MAXLEN argument must be >= 0.")
        keep = { length }
      }
    } else if (option === "LIMIT" && more > 0) {
      limit = integer(args[++at])
      if (limit < 0) throw new CommandError("ERR The LIMIT argument must be >= 0.")
    } else if (adding && option === "NOMKSTREAM") {
      create = false
    } else if (adding) {
      id = StreamId.parseNew(args[at])
      break
    } else {
      throw syntaxError()
    }
  }
  if (keep === undefined && limit !== undefined && limit > 0) throw new CommandError(limitAlone)
  if (keep === undefined && !adding) throw new CommandError(noStrategy)
  if (limit !== undefined && !approximate) throw new CommandError(limitExact)
  const most = limit ?? (approximate ? defaultLimit(node) : 0)
  return { create, trim: keep === undefined ? undefined : { keep, approximate, limit: most }, id, next: at + 1 }
}

const tooLow = "ERR The ID specified in XADD is equal or smaller than the target stream top item"

const newId = (stream: Stream, given: StreamId.Parsed | undefined, now: number): StreamId.StreamId => {
  const { lastId } = stream
  if (given === undefined) {
    const present = StreamId.make(BigInt(now), 0n)
    return StreamId.millis(present) > StreamId.millis(lastId) ? present : lastId + 1n
  }
  if (given.open && StreamId.millis(given.id) === StreamId.millis(lastId)) {
    const next = lastId + 1n
    if (StreamId.millis(next) !== StreamId.millis(lastId)) throw new CommandError(tooLow)
    return next
  }
  if (given.id <= lastId) throw new CommandError(tooLow)
  return given.id
}

const xadd = (invocation: Invocation): Resp.Reply => {
  const { args, keys, node, now } = invocation
  const { create, id: given, next, trim } = addOptions(invocation, true)
  const fields = args.slice(next)
  if (fields.length < 2 || fields.length % 2 === 1) throw wrongNumber("XADD")
  if (given !== undefined && !given.open && given.id === StreamId.zero) {
    throw new CommandError("ERR The ID specified in XADD must be greater than 0-0")
  }
  const key = args[0]
  let stream = keys.typed(key, "stream")?.stream
  if (stream === undefined) {
    if (!create) return nil
    stream = new Stream()
    keys.set(key, { type: "stream", stream })
  }
  if (stream.lastId === StreamId.max) {
    throw new CommandError("ERR The stream has exhausted the last possible ID, unable to add more items")
  }
  const id = newId(stream, given, now)
  stream.append(id, fields, limitsOf(node))
  // Readers that are woken by `touch` have to see the trimmed stream.
  const trimmed = trim === undefined ? 0 : stream.trim(trim)
  keys.touch(key, "xadd", "t")
  if (trimmed > 0) keys.notify(key, "xtrim", "t")
  return idReply(id)
}

const xtrim = (invocation: Invocation): Resp.Reply => {
  const { args, keys } = invocation
  const { trim } = addOptions(invocation, false)
  const stream = keys.typed(args[0], "stream")?.stream
  if (stream === undefined || trim === undefined) return number(0)
  const removed = stream.trim(trim)
  if (removed > 0) keys.touch(args[0], "xtrim", "t")
  return number(removed)
}

const xlen = ({ args, keys }: Invocation): Resp.Reply => number(keys.typed(args[0], "stream")?.stream.length ?? 0)

const range = (reverse: boolean) => ({ args, keys }: Invocation): Resp.Reply => {
  const start = StreamId.parseStart(args[reverse ? 2 : 1])
  const end = StreamId.parseEnd(args[reverse ? 1 : 2])
  let count = Infinity
  for (let at = 3; at < args.length; at += 2) {
    if (word(args[at]) !== "COUNT" || at + 1 >= args.length) throw syntaxError()
    count = integer(args[at + 1])
    // The server itself uses -1 for no count, but only until it has read the argument.
    if (count < 0) count = 0
  }
  const stream = keys.typed(args[0], "stream")?.stream
  if (stream === undefined) return array([])
  return count === 0 ? nullArray : array(take(stream.range(start, end, reverse), count).map(entryReply))
}

const xdel = ({ args, keys }: Invocation): Resp.Reply => {
  const stream = keys.typed(args[0], "stream")?.stream
  if (stream === undefined) return number(0)
  let deleted = 0
  for (const id of args.slice(1).map(StreamId.parse)) if (stream.delete(id)) deleted++
  if (deleted > 0) {
    stream.settle()
    keys.touch(args[0], "xdel", "t")
  }
  return number(deleted)
}

const setIdOptions = (args: ReadonlyArray<Bin>, id: StreamId.StreamId) => {
  let entriesAdded: bigint | undefined
  let maxDeletedId = StreamId.zero
  for (let at = 2; at < args.length; at += 2) {
    const option = word(args[at])
    if (at + 1 >= args.length) throw syntaxError()
    if (option === "ENTRIESADDED") {
      entriesAdded = int64(args[at + 1])
      if (entriesAdded < 0n) throw new CommandError("ERR entries_added must be positive")
    } else if (option === "MAXDELETEDID") {
      maxDeletedId = StreamId.parse(args[at + 1])
      if (id < maxDeletedId) {
        throw new CommandError("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
      }
    } else {
      throw syntaxError()
    }
  }
  return { entriesAdded, maxDeletedId }
}

const belowDeleted = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"

const xsetid = ({ args, keys, node }: Invocation): Resp.Reply => {
  const id = StreamId.parse(args[1])
  const { entriesAdded, maxDeletedId } = setIdOptions(args, id)
  const stream = keys.typed(args[0], "stream")?.stream
  if (stream === undefined) throw new CommandError("ERR no such key")
  const deletedLater = id < stream.maxDeletedId
  if (deletedLater && since(node.version, 7.2)) throw new CommandError(belowDeleted)
  if (stream.last !== undefined) {
    if (id < stream.last.id) {
      throw new CommandError("ERR The ID specified in XSETID is smaller than the target stream top item")
    }
    if (entriesAdded !== undefined && BigInt(stream.length) > entriesAdded) {
      throw new CommandError("ERR The entries_added specified in XSETID is smaller than the target stream length")
    }
  }
  if (deletedLater) throw new CommandError(belowDeleted)
  stream.lastId = id
  if (entriesAdded !== undefined) stream.entriesAdded = entriesAdded
  if (maxDeletedId !== StreamId.zero) stream.maxDeletedId = maxDeletedId
  keys.changes++
  keys.notify(args[0], "xsetid", "t")
  return simple("OK")
}

export const streams: Group = {
  XADD: { arity: -5, run: xadd },
  XTRIM: { arity: -4, run: xtrim },
  XLEN: { arity: 2, run: xlen },
  XRANGE: { arity: -4, run: range(false) },
  XREVRANGE: { arity: -4, run: range(true) },
  XDEL: { arity: -3, run: xdel },
  XSETID: { arity: -3, run: xsetid },
  ...streamReads,
  ...consumerGroups,
  ...streamInfo
}

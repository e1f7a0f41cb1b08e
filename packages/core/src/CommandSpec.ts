/**
 * Facts about commands, as Redis states them: where their keys are, whether they write or block, to which nodes of a cluster
 * they go. Routing and retrying use these facts, and never a command's name.
 *
 * The table behind this module is generated from a server's `COMMAND` reply by `scripts/generate-command-specs.ts`.
 *
 * Sources: https://redis.io/docs/latest/develop/reference/key-specs/ and
 * https://redis.io/docs/latest/develop/reference/command-tips/
 *
 * @since 0.1.0
 */
import { table } from "./generated/commandTable.ts"
import type {
  BlockTime,
  KeySpec,
  Layout,
  Partial,
  Place,
  ReplyKind,
  RequestPolicy,
  ResponsePolicy,
  Row,
  Stateful
} from "./internal/values/commandRow.ts"
import * as Resp from "./Resp.ts"

export type {
  BlockTime,
  KeySpec,
  Partial,
  Place,
  ReplyKind,
  RequestPolicy,
  ResponsePolicy,
  Stateful
} from "./internal/values/commandRow.ts"

/**
 * The facts about one command.
 *
 * **Details**
 *
 * - `singleKey`: the index of the key if the command always has exactly one, else -1. This common case is computed once, not on
 *   every call.
 * - `incompleteKeys`: the rules do not find all keys of the command (SORT, MIGRATE).
 * - `blocking`: the command can block; {@link blockMillis} says whether it does with given arguments.
 * - `partial`: an error reply may come after part of the work is done. The error of any other command proves that it did
 *   nothing.
 * - `affinity`: the index of an argument that is no key but still chooses the node, for a command that any node would take;
 *   else -1. All messages of a channel are published over one node, and so keep their order.
 * - `sticky`: several replies belong together only if they come from the same node: pages behind a cursor, which means nothing
 *   at another node, or counts that each node keeps for itself. With a key, such a command goes to the primary even if replicas
 *   answer other reads; without one (SCAN), it needs a named node.
 * - `keyspace`: the command is about all keys of its node (DBSIZE, FLUSHALL), and so about the slots that the node serves at that
 *   time.
 * - `cacheable`: a reply stays right until one of the command's keys is written, so that a client that is told of writes may keep
 *   it. Not so if the reply depends on the time, on chance or on consumer groups, of whose changes servers do not tell (TTL, SRANDMEMBER,
 *   XPENDING), or if the command is sent for a side effect (TOUCH).
 * - `repeatable`: to execute the command once more does no harm, although it is not flagged as one that only reads (PING).
 * - `atomicWith`: options with which the command does all or nothing, so that it can't be sent in parts to several slots (MSETEX
 *   with NX or XX).
 * - `urgent`: the command ends another one, and must not wait behind it (SCRIPT KILL).
 * - `alone`: the command is sent only after everything before it is answered, and nothing is sent until it is answered itself.
 *   These are the commands that log in (AUTH, HELLO): Redis 8.0 does not send their refusal while another answer is pending.
 * - `replies`: the kinds of replies, besides errors, that the command can have with any options, protocol and version of the
 *   server; all kinds if that is not certain.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommandSpec {
  readonly name: string
  readonly head: Resp.Head
  readonly since: string
  readonly keys: ReadonlyArray<KeySpec>
  readonly singleKey: number
  readonly incompleteKeys: boolean
  readonly write: boolean
  readonly readOnly: boolean
  readonly blocking: boolean
  readonly blockTime: BlockTime | undefined
  readonly stateful: Stateful | undefined
  readonly partial: Partial | undefined
  readonly affinity: number
  readonly sticky: boolean
  readonly keyspace: boolean
  readonly cacheable: boolean
  readonly repeatable: boolean
  readonly atomicWith: ReadonlyArray<string>
  readonly urgent: boolean
  readonly alone: boolean
  readonly replies: ReadonlyArray<ReplyKind>
  /** @internal */
  readonly replyMask: number
  readonly request: RequestPolicy
  readonly response: ResponsePolicy
  /** @internal */
  readonly layout: Layout | undefined
}

const singleKey = (keys: ReadonlyArray<KeySpec>): number => {
  if (keys.length !== 1) return -1
  const { begin, find } = keys[0]
  return begin._tag === "Index" && find._tag === "Range" && find.last === 0 ? begin.index : -1
}

/** The policies by which the replies of parts for several slots can be put together. */
const joining: ReadonlySet<ResponsePolicy> = new Set(["Default", "AllSucceeded", "AggSum"])

/** The layout of a command whose parts for several slots may be sent one by one; undefined for any other. */
const layoutOf = ({ keys = [], request, response = "Default" }: Row): Layout | undefined => {
  if (request !== "MultiShard" || keys.length !== 1 || !joining.has(response)) return undefined
  const { begin, find } = keys[0]
  if (begin._tag !== "Index" || begin.index < 0) return undefined
  if (find._tag === "Count") {
    return { begin: begin.index + find.first, step: find.step, count: begin.index + find.index }
  }
  return find.last === -1 && find.limit < 2 ? { begin: begin.index, step: find.step, count: -1 } : undefined
}

const notAtomic: ReadonlyArray<string> = []

/** One bit per kind of reply, so that checking a reply against a command costs nothing. */
const bits = { Text: 1, Number: 2, Aggregate: 4 } as const
const anyKind: ReadonlyArray<ReplyKind> = ["Text", "Number", "Aggregate"]

const make = (name: string, row: Row): CommandSpec => {
  const keys = row.keys ?? []
  const replies = row.replies ?? anyKind
  return {
    name,
    head: Resp.head(name),
    since: row.since ?? "",
    keys,
    singleKey: row.incompleteKeys === true ? -1 : singleKey(keys),
    incompleteKeys: row.incompleteKeys === true,
    write: row.write === true,
    readOnly: row.readOnly === true,
    blocking: row.blocking === true,
    blockTime: row.blockTime,
    stateful: row.stateful,
    partial: row.partial,
    affinity: row.affinity ?? -1,
    sticky: row.sticky === true,
    keyspace: row.keyspace === true,
    cacheable: row.cacheable === true,
    repeatable: row.repeatable === true,
    atomicWith: row.atomicWith ?? notAtomic,
    urgent: row.urgent === true,
    alone: row.alone === true,
    replies,
    replyMask: replies.reduce((mask, kind) => mask | bits[kind], 0),
    request: row.request ?? "Default",
    response: row.response ?? "Default",
    layout: layoutOf(row)
  }
}

const specs = new Map<string, CommandSpec>()

/**
 * The facts about a command, by its name in any case (`"hget"`, `"CLUSTER SLOTS"`), or undefined for one that is not in
 * the table.
 *
 * **Example** (Looking a command up)
 *
 * ```ts
 * import { CommandSpec } from "@redisc/core"
 *
 * CommandSpec.find("mget")?.request // "MultiShard"
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const find = (name: string): CommandSpec | undefined => {
  if (typeof name !== "string") return undefined
  const upper = name.toUpperCase()
  const known = specs.get(upper)
  if (known !== undefined) return known
  const row = Object.hasOwn(table, upper) ? table[upper] : undefined
  if (row === undefined) return undefined
  const spec = make(upper, row)
  specs.set(upper, spec)
  return spec
}

/**
 * The facts about a command that has to be in the table.
 *
 * @internal
 */
export const get = (name: string): CommandSpec => {
  const spec = find(name)
  if (spec === undefined) throw new Error(`${name} is not in the command table: run "npm run generate"`)
  return spec
}

const severity: ReadonlyArray<Stateful | undefined> = [
  undefined,
  "Here",
  "Unwatches",
  "Watches",
  "Changes",
  "TakesOver"
]

/** The first words of commands with subcommands, each with the most severe `stateful` of its subcommands. */
const containers = new Map<string, Stateful | undefined>()
for (const [name, { stateful }] of Object.entries(table)) {
  const [word, sub] = name.split(" ")
  if (sub === undefined) continue
  const worst = containers.get(word)
  containers.set(word, severity.indexOf(stateful) > severity.indexOf(worst) ? stateful : worst)
}

/**
 * Whether this is the first word of commands of two words, such as CLIENT.
 *
 * @internal
 */
export const isContainer = (word: string): boolean => containers.has(word.toUpperCase())

/**
 * The facts about a command whose key positions the caller gives. All other facts come from the table; a command that is not in
 * the table is assumed to write.
 *
 * **Example** (A command of a module, and one that blocks all the same)
 *
 * ```ts
 * import { CommandSpec } from "@redisc/core"
 *
 * CommandSpec.unknown("MY.ADD", [0]).write // true
 * CommandSpec.unknown("blpop", [0]).blocking // true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const unknown = (name: string, keyIndexes: ReadonlyArray<number>): CommandSpec => {
  const keys = keyIndexes.map((index): KeySpec => ({
    begin: { _tag: "Index", index },
    find: { _tag: "Range", last: 0, step: 1, limit: 0 }
  }))
  const known = find(name)
  if (known !== undefined) {
    return {
      ...known,
      keys,
      singleKey: singleKey(keys),
      incompleteKeys: false,
      cacheable: known.cacheable && keys.length > 0,
      layout: undefined
    }
  }
  const upper = name.toUpperCase()
  // The subcommand may be among the arguments, so assume the most severe one.
  return { ...make(upper, { write: true, partial: "Pieces", keys }), stateful: containers.get(upper) }
}

/**
 * Whether a command changes no stored data, according to the table, so that it does not matter whether it was executed.
 *
 * @internal
 */
export const isHarmless = ({ readOnly, stateful }: CommandSpec): boolean =>
  readOnly || stateful === "Watches" || stateful === "Unwatches"

/**
 * Whether a reply is of a kind that this command can have. An error can answer any command. Not for use inside a transaction,
 * where the reply is QUEUED.
 *
 * @internal
 */
export const isAnsweredBy = ({ replyMask }: CommandSpec, value: Resp.Value): boolean => {
  if (typeof value === "string" || value === null) return (replyMask & bits.Text) !== 0
  if (typeof value !== "object") return (replyMask & bits.Number) !== 0
  if (value instanceof Uint8Array) return (replyMask & bits.Text) !== 0
  return (replyMask & bits.Aggregate) !== 0 || value instanceof Resp.ReplyError
}

const decoder = new TextDecoder()

const textOf = (arg: string | Uint8Array | undefined): string =>
  typeof arg === "string" ? arg : arg === undefined ? "" : decoder.decode(arg)

/** The index of a place, or -1 if the arguments have no such place. */
const indexOf = (place: Place, args: ReadonlyArray<string | Uint8Array>): number => {
  if (place._tag === "Index") {
    const index = place.index < 0 ? args.length + place.index : place.index
    return place.unlessEmpty === true && args[index]?.length === 0 ? -1 : index
  }
  const { from, keyword, skip = {}, until } = place
  const step = from < 0 ? -1 : 1
  for (let i = from < 0 ? args.length + from : from; i >= 0 && i < args.length; i += step) {
    const word = textOf(args[i]).toUpperCase()
    if (word === keyword) return i + 1
    if (word === until) return -1
    if (Object.hasOwn(skip, word)) i += step * skip[word]
  }
  return -1
}

/**
 * Reads a count of keys. An invalid one becomes 0, as the server will answer such a command with an error.
 *
 * @internal
 */
export const countOf = (arg: string | Uint8Array | undefined): number => {
  const text = textOf(arg)
  return /^\d{1,10}$/.test(text) ? Number(text) : 0
}

/**
 * The positions of a command's keys among its arguments, in order.
 *
 * Positions beyond the last argument are left out; the server answers such a command with an error.
 *
 * **Example** (Keys behind a count)
 *
 * ```ts
 * import { CommandSpec } from "@redisc/core"
 *
 * CommandSpec.keyIndexes(CommandSpec.find("EVAL")!, ["return 1", "2", "a", "b", "x"]) // [2, 3]
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const keyIndexes = (spec: CommandSpec, args: ReadonlyArray<string | Uint8Array>): ReadonlyArray<number> => {
  const indexes: Array<number> = []
  for (const keySpec of spec.keys) {
    const begin = indexOf(keySpec.begin, args)
    if (begin < 0) continue
    const find = keySpec.find
    if (find._tag === "Count") {
      const count = countOf(args[begin + find.index])
      for (let n = 0, i = begin + find.first; n < count && i < args.length; n++, i += find.step) indexes.push(i)
    } else {
      const left = find.limit > 1 ? Math.floor((args.length - begin) / find.limit) : args.length - begin
      const last = begin + (find.last < 0 ? left + find.last : find.last)
      for (let i = begin; i <= last && i < args.length; i += find.step) indexes.push(i)
    }
  }
  return indexes
}

/**
 * How long a command may block on the server, in milliseconds; Infinity if for ever. `undefined` if it does not block: XREAD
 * without BLOCK, or a command whose timeout is no number, which the server refuses.
 *
 * **Example** (Reading the time of a BLPOP)
 *
 * ```ts
 * import { CommandSpec } from "@redisc/core"
 *
 * const blpop = CommandSpec.find("BLPOP")!
 * CommandSpec.blockMillis(blpop, ["jobs", "1.5"]) // 1500
 * CommandSpec.blockMillis(blpop, ["jobs", "0"]) // Infinity
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const blockMillis = (
  spec: CommandSpec,
  args: ReadonlyArray<string | Uint8Array>
): number | undefined => {
  if (!spec.blocking) return undefined
  // The table does not say where the timeout is, so the command may block for ever.
  if (spec.blockTime === undefined) return Infinity
  const text = textOf(args[indexOf(spec.blockTime.at, args)])
  const time = text === "" ? NaN : Number(text) * spec.blockTime.unit
  if (Number.isNaN(time) || time < 0) return undefined
  return time === 0 ? Infinity : time
}

/**
 * The arguments of a blocking command with its timeout replaced by `millis`: the time that is left for another try.
 *
 * @internal
 */
export const withBlockMillis = (
  spec: CommandSpec,
  args: ReadonlyArray<string | Uint8Array>,
  millis: number
): ReadonlyArray<string | Uint8Array> => {
  if (spec.blockTime === undefined || millis === Infinity) return args
  // At least 1: a timeout of zero would block for ever.
  const left = Math.max(Math.ceil(millis), 1) / spec.blockTime.unit
  const index = indexOf(spec.blockTime.at, args)
  return args.map((arg, i) => i === index ? `${left}` : arg)
}

/**
 * What Redis knows about its own commands: where the keys are, whether they write or block, and how a cluster client
 * should spread them. Routing and retrying read these facts and never a command's name.
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
 * `singleKey` is the index of the key of a command that always has exactly one, else -1: the common case, told apart
 * once and not for every call. `blocking` marks commands that can block; {@link blockMillis} tells whether one does.
 * `affinity` is the index of an argument that, though no key, decides which node a command goes to that any would take:
 * what is published to one channel goes over one node, and keeps its order. Else -1.
 * `sticky` marks commands whose replies belong together only when one node has given them all: pages behind a cursor, which
 * means nothing at another node, or counts that each node keeps for itself. With a key they go to its primary, whoever else
 * answers reads; those without (SCAN) need a node that is named.
 * `alone` marks commands that go out only when all before them is answered, and that nothing goes out behind before they
 * are: what logs in (AUTH, HELLO), whose refusal Redis 8.0 does not send when an answer to something else is under way.
 * `urgent` marks commands that end what another one does, and must not wait behind it (SCRIPT KILL).
 * `partial` marks commands whose error may come after a part of their work; the error of any other proves that it did
 * nothing.
 * `incompleteKeys` marks commands whose keys can't all be found by rule (SORT, MIGRATE).
 * `replies` are the kinds of replies that can answer it, besides errors, whatever its options, the protocol and the server's
 * version: all of them where that is not certain.
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
  readonly urgent: boolean
  readonly alone: boolean
  readonly replies: ReadonlyArray<ReplyKind>
  /** @internal */
  readonly replyMask: number
  readonly request: RequestPolicy
  readonly response: ResponsePolicy
}

const singleKey = (keys: ReadonlyArray<KeySpec>): number => {
  if (keys.length !== 1) return -1
  const { begin, find } = keys[0]
  return begin._tag === "Index" && find._tag === "Range" && find.last === 0 ? begin.index : -1
}

/** One bit each, so that a reply can be held against a command's kinds at no cost. */
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
    urgent: row.urgent === true,
    alone: row.alone === true,
    replies,
    replyMask: replies.reduce((mask, kind) => mask | bits[kind], 0),
    request: row.request ?? "Default",
    response: row.response ?? "Default"
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

/** The words that subcommands stand behind, each with the worst that one of them does to its connection. */
const containers = new Map<string, Stateful | undefined>()
for (const [name, { stateful }] of Object.entries(table)) {
  const [word, sub] = name.split(" ")
  if (sub === undefined) continue
  const worst = containers.get(word)
  containers.set(word, severity.indexOf(stateful) > severity.indexOf(worst) ? stateful : worst)
}

/**
 * Whether commands of two words begin with this one, as with CLIENT.
 *
 * @internal
 */
export const isContainer = (word: string): boolean => containers.has(word.toUpperCase())

/**
 * The facts about a command that the caller knows more of than the table: its keys are at the given indexes. What the
 * table knows besides holds all the same; of what it does not know, that it may write.
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
  if (known !== undefined) return { ...known, keys, singleKey: singleKey(keys), incompleteKeys: false }
  const upper = name.toUpperCase()
  // A subcommand may be among its arguments, in whatever form.
  return { ...make(upper, { write: true, partial: "Pieces", keys }), stateful: containers.get(upper) }
}

/**
 * Whether a command changes nothing that is stored, as far as the table knows: nobody minds whether it was executed.
 *
 * @internal
 */
export const isHarmless = ({ readOnly, stateful }: CommandSpec): boolean =>
  readOnly || stateful === "Watches" || stateful === "Unwatches"

/**
 * Whether a reply is of a kind that can answer a command outside of a transaction, where it would be QUEUED. An error can
 * answer any.
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

/** The index of a place, -1 when the arguments don't have it. */
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

/** A count that the server would not read as one counts nothing: the server answers such a command with an error. */
const countOf = (arg: string | Uint8Array | undefined): number => {
  const text = textOf(arg)
  return /^\d{1,10}$/.test(text) ? Number(text) : 0
}

/**
 * The positions of a command's keys among its arguments, in order.
 *
 * Positions that the arguments don't reach are left out: the server says what is wrong with such a command.
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
 * How long a command may block on the server, in milliseconds; Infinity for ever. Undefined for a command that does not
 * block: XREAD without BLOCK, or one whose time is no number, which the server refuses.
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
  // Of a command that blocks in a way that the table does not know it is only known that it can.
  if (spec.blockTime === undefined) return Infinity
  const text = textOf(args[indexOf(spec.blockTime.at, args)])
  const time = text === "" ? NaN : Number(text) * spec.blockTime.unit
  if (Number.isNaN(time) || time < 0) return undefined
  return time === 0 ? Infinity : time
}

/**
 * The arguments of a blocking command with another time to block, in milliseconds: what is left of it on a further try.
 *
 * @internal
 */
export const withBlockMillis = (
  spec: CommandSpec,
  args: ReadonlyArray<string | Uint8Array>,
  millis: number
): ReadonlyArray<string | Uint8Array> => {
  if (spec.blockTime === undefined || millis === Infinity) return args
  // Zero would be for ever.
  const left = Math.max(Math.ceil(millis), 1) / spec.blockTime.unit
  const index = indexOf(spec.blockTime.at, args)
  return args.map((arg, i) => i === index ? `${left}` : arg)
}

/**
 * Commands with keys of several slots that may be executed slot by slot, as the table says: divides one into parts, a command a
 * slot, and puts their replies together by the command's response policy. Pure.
 *
 * Sources: https://redis.io/docs/latest/develop/reference/command-tips/ and cluster specification, "Multiple keys operations"
 */
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import * as Slot from "../../Slot.ts"
import { anySlot, slotOf } from "../commands/keySlot.ts"
import { describeReply, Mismatch, raw } from "../commands/reply.ts"
import type { Decode } from "../commands/reply.ts"
import { decoded } from "../connection/call.ts"
import { executed, toError } from "../failures/failure.ts"
import { combine } from "./merging.ts"

/** The part of a command for one slot. */
export interface Part {
  readonly slot: number
  /** Its decoder refuses a reply that can't be put together with others. */
  readonly command: Command.Command<Resp.Value>
  /** The positions of its keys among the keys of the whole. */
  readonly indexes: ReadonlyArray<number>
}

/** The way of a command that is sent in parts. */
export interface Parts {
  readonly _tag: "Parts"
  readonly all: ReadonlyArray<Part>
  /** The number of keys, of all parts. */
  readonly keys: number
}

/** What became of a part, where, and in how many tries. */
export interface Outcome {
  readonly result: Result.Result<Resp.Value, RedisError.RedisError>
  readonly node: string | undefined
  readonly attempts: number
}

/** An array with a reply for each of so many keys. */
const listOf = (keys: number): Decode<Resp.Value> => (value) => {
  if (Array.isArray(value) && value.length === keys) return value
  throw new Mismatch(`an array of ${keys}`, describeReply(value))
}

const integer: Decode<Resp.Value> = (value) => {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value
  throw new Mismatch("an integer", describeReply(value))
}

const decoderOf = (response: CommandSpec.ResponsePolicy, keys: number): Decode<Resp.Value> =>
  response === "Default" ? listOf(keys) : response === "AggSum" ? integer : raw

const text = new TextDecoder()

/** Whether the options behind the keys bind all of them together. */
const isAtomic = ({ atomicWith }: CommandSpec.CommandSpec, options: ReadonlyArray<Command.Arg>): boolean =>
  options.some((option) =>
    atomicWith.includes((typeof option === "string" ? option : text.decode(option)).toUpperCase())
  )

const invalid = (problem: string): RedisError.InvalidArgument => new RedisError.InvalidArgument({ problem })

/**
 * The slot of a command that can be divided, or its parts, or the reason why its keys can't be in several slots. A `tolerant` one is
 * one part if its keys are in one slot, so that it fails in the same way as in several.
 */
export const divide = (
  command: Command.Any,
  { begin, count, step }: NonNullable<CommandSpec.CommandSpec["layout"]>,
  isAllowed: boolean
): number | Parts | RedisError.Reason => {
  const { args, spec, tolerant } = command
  const end = count < 0 ? args.length : begin + step * CommandSpec.countOf(args[count])
  if (end <= begin || args.length <= begin) return anySlot
  const last = Math.min(end, args.length)
  const first = Slot.fromKey(args[begin])
  let at = begin + step
  while (at < last && Slot.fromKey(args[at]) === first) at += step
  const isOne = at >= last
  if (isOne && !tolerant) return first
  if (!isOne && (!isAllowed || isAtomic(spec, args.slice(end)))) return slotOf(command)
  if (end > args.length) return invalid("it says that it has more keys than are given")
  if ((end - begin) % step !== 0) {
    return invalid(`each of its keys needs ${step === 2 ? "a value" : `${step - 1} arguments`} behind it`)
  }
  const parts = new Map<number, { readonly args: Array<Command.Arg>; readonly indexes: Array<number> }>()
  for (let at = begin, index = 0; at < end; at += step, index++) {
    const slot = Slot.fromKey(args[at])
    let part = parts.get(slot)
    if (part === undefined) parts.set(slot, part = { args: args.slice(0, begin), indexes: [] })
    for (let i = at; i < at + step; i++) part.args.push(args[i])
    part.indexes.push(index)
  }
  const all: Array<Part> = []
  for (const [slot, part] of parts) {
    const keys = part.indexes.length
    if (count >= 0) part.args[count] = `${keys}`
    for (let i = end; i < args.length; i++) part.args.push(args[i])
    const sent = Command.part(command, part.args, decoderOf(spec.response, keys))
    all.push({ slot, command: sent, indexes: part.indexes })
  }
  return { _tag: "Parts", all, keys: (end - begin) / step }
}

/** Puts the replies of parts at the places of their keys. The error of a part takes the places of its keys. */
const ordered = ({ all, keys }: Parts, outcomes: ReadonlyArray<Outcome>): Resp.Value => {
  const list = Array.from<Resp.Value | RedisError.RedisError>({ length: keys })
  for (let n = 0; n < all.length; n++) {
    const { indexes } = all[n]
    const { result } = outcomes[n]
    for (let i = 0; i < indexes.length; i++) {
      list[indexes[i]] = Result.isSuccess(result) ? (result.success as ReadonlyArray<Resp.Value>)[i] : result.failure
    }
  }
  return list as Resp.Value
}

const isSame = (a: Resp.Value, b: Resp.Value): boolean =>
  a === b || (a instanceof Uint8Array && b instanceof Uint8Array && text.decode(a) === text.decode(b))

/** The one reply that all parts have given. */
const agreed = (values: ReadonlyArray<Resp.Value>): Resp.Value | Mismatch => {
  const [first] = values
  const other = values.find((value) => !isSame(value, first))
  return other === undefined ? first : new Mismatch("the same reply to each part", "different ones")
}

const certainty: ReadonlyArray<RedisError.Delivery> = ["NotSent", "Rejected", "Executed", "MaybeExecuted"]

/** What the error of the whole says of a part. */
const told = ({ command, slot }: Part, { attempts, node, result }: Outcome): RedisError.Part => {
  const keys = Command.keys(command)
  if (Result.isSuccess(result)) return { keys, slot, node, delivery: "Executed", attempts }
  const { attempts: tries, delivery, node: last, reason } = result.failure
  return { keys, slot, node: last, delivery, reason, attempts: tries }
}

/** The error of a command of which parts have failed: that of the first, with what became of each part. */
const failureOf = (
  command: Command.Any,
  { all }: Parts,
  outcomes: ReadonlyArray<Outcome>
): RedisError.RedisError => {
  const failures = outcomes.flatMap(({ result }) => Result.isFailure(result) ? [result.failure] : [])
  const worst = certainty[Math.max(...failures.map(({ delivery }) => certainty.indexOf(delivery)))]
  const isInPart = failures.length < outcomes.length && worst !== "Executed" && !CommandSpec.isHarmless(command.spec)
  const { attempts, away, node, overtaken = false, reason, slot } = failures[0]
  const delivery = isInPart ? "MaybeExecuted" : worst
  const parts = all.map((part, index) => told(part, outcomes[index]))
  return toError({ reason, delivery, node, away, overtaken }, { command, slot, attempts, parts })
}

/** The result of a command from what became of its parts. */
export const joined = <A>(
  command: Command.Command<A>,
  parts: Parts,
  outcomes: ReadonlyArray<Outcome>
): Exit.Exit<A, RedisError.RedisError> => {
  const { spec: { response }, tolerant } = command
  const values: Array<Resp.Value> = []
  for (const { result } of outcomes) if (Result.isSuccess(result)) values.push(result.success)
  const isOrdered = response === "Default"
  if (values.length < outcomes.length && !(tolerant && isOrdered)) {
    return Exit.fail(failureOf(command, parts, outcomes))
  }
  const value = isOrdered
    ? ordered(parts, outcomes)
    : response === "AggSum"
    ? combine(response, values)
    : agreed(values)
  if (!(value instanceof Mismatch)) return decoded(command, value, undefined)
  const { expected, received } = value
  return Exit.fail(toError(executed(new RedisError.DecodeFailed({ expected, received }), undefined), { command }))
}

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
import { deliveryOf, executed, toError } from "../failures/failure.ts"
import type { Layout } from "../values/commandRow.ts"
import { combine } from "./merging.ts"

/** The way of a command that is sent in parts, each with the keys of one slot, in their order. */
export interface Parts {
  readonly _tag: "Parts"
  readonly slots: ReadonlyArray<number>
  /** Their decoders refuse a reply that can't be put together with others. */
  readonly commands: ReadonlyArray<Command.Command<Resp.Value>>
  /** For each key of the whole, the index of its part. */
  readonly partOf: Uint32Array
}

type Results = ReadonlyArray<Result.Result<Resp.Value, RedisError.RedisError>>

/** Where a part was done, and in how many tries. */
export interface Done {
  readonly node: string | undefined
  readonly attempts: number
}

/** An array with a reply for each of so many keys. */
const listOf = (keys: number): Decode<Resp.Value> => (value) => {
  if (Array.isArray(value) && value.length === keys) return value
  throw new Mismatch(`an array of ${keys}`, describeReply(value))
}

const listOfOne = listOf(1)

const integer: Decode<Resp.Value> = (value) => {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value
  throw new Mismatch("an integer", describeReply(value))
}

const decoderOf = (response: CommandSpec.ResponsePolicy, keys: number): Decode<Resp.Value> => {
  if (response === "Default") return keys === 1 ? listOfOne : listOf(keys)
  return response === "AggSum" ? integer : raw
}

const text = new TextDecoder()

/** Whether the options behind the keys bind all of them together. */
const isAtomic = ({ atomicWith }: CommandSpec.CommandSpec, options: ReadonlyArray<Command.Arg>): boolean =>
  options.some((option) =>
    atomicWith.includes((typeof option === "string" ? option : text.decode(option)).toUpperCase())
  )

const invalid = (problem: string): RedisError.InvalidArgument => new RedisError.InvalidArgument({ problem })

/** For each slot, the index that its part had in the last command that had one. Whether it has it now has to be checked. */
const guesses = new Uint16Array(Slot.count)

/**
 * The slot of a command that can be divided, or its parts, or the reason why its keys can't be in several slots. A `tolerant` one is
 * one part if its keys are in one slot, or if slots don't matter, so that it fails in the same way as in several.
 */
export const divide = (
  command: Command.Any,
  { begin, count, step }: Layout,
  { isAllowed, isByKey, oneSlot }: {
    readonly isAllowed: boolean
    readonly oneSlot: boolean
    /** Whether each key is a part of its own, since replies are kept by key. */
    readonly isByKey: boolean
  }
): number | Parts | RedisError.Reason => {
  const { args, spec, tolerant } = command
  const end = count < 0 ? args.length : begin + step * CommandSpec.countOf(args[count])
  if (end <= begin || args.length <= begin) return anySlot
  const last = Math.min(end, args.length)
  const first = Slot.fromKey(args[begin])
  let at = oneSlot ? begin + step : last
  while (at < last && Slot.fromKey(args[at]) === first) at += step
  const isOne = at >= last
  if (isOne && !tolerant && (!isByKey || end <= begin + step)) return first
  if (!isOne && (!isAllowed || isAtomic(spec, args.slice(end)))) return slotOf(command)
  if (end > args.length) return invalid("it says that it has more keys than are given")
  if ((end - begin) % step !== 0) {
    return invalid(`each of its keys needs ${step === 2 ? "a value" : `${step - 1} arguments`} behind it`)
  }
  const slots: Array<number> = []
  const lists: Array<Array<Command.Arg>> = []
  const partOf = new Uint32Array((end - begin) / step)
  for (let at = begin, key = 0; at < end; at += step, key++) {
    const slot = isOne && oneSlot ? first : Slot.fromKey(args[at])
    let part = guesses[slot]
    if (!isByKey && slots[part] === slot) {
      for (let i = at; i < at + step; i++) lists[part].push(args[i])
    } else {
      part = guesses[slot] = slots.push(slot) - 1
      lists.push(begin === 0 ? args.slice(at, at + step) : [...args.slice(0, begin), ...args.slice(at, at + step)])
    }
    partOf[key] = part
  }
  const commands: Array<Command.Command<Resp.Value>> = []
  for (const list of lists) {
    const keys = (list.length - begin) / step
    if (count >= 0) list[count] = `${keys}`
    for (let i = end; i < args.length; i++) list.push(args[i])
    commands.push(Command.part(command, list, decoderOf(spec.response, keys)))
  }
  return { _tag: "Parts", slots, commands, partOf }
}

/** Puts the replies of parts at the places of their keys. The error of a part takes the places of its keys. */
const ordered = ({ partOf, slots }: Parts, results: Results): Resp.Value => {
  const list: Array<unknown> = []
  const next = new Uint32Array(slots.length)
  for (let key = 0; key < partOf.length; key++) {
    const part = partOf[key]
    const result = results[part]
    list.push(Result.isSuccess(result) ? (result.success as ReadonlyArray<Resp.Value>)[next[part]++] : result.failure)
  }
  return list as ReadonlyArray<Resp.Value>
}

const isSame = (a: Resp.Value, b: Resp.Value): boolean =>
  a === b || (a instanceof Uint8Array && b instanceof Uint8Array && text.decode(a) === text.decode(b))

/** The one reply that all parts have given. */
const agreed = (values: ReadonlyArray<Resp.Value>): Resp.Value | Mismatch => {
  const [first] = values
  const other = values.find((value) => !isSame(value, first))
  return other === undefined ? first : new Mismatch("the same reply to each part", "different ones")
}

/** The error of a command of which parts have failed: that of the first, with what became of each part. */
const failureOf = (
  command: Command.Any,
  { commands, slots }: Parts,
  results: Results,
  doneOf: (part: number) => Done
): RedisError.RedisError => {
  const failures: Array<RedisError.RedisError> = []
  const parts = results.map((result, part): RedisError.Part => {
    const keys = Command.keys(commands[part])
    const slot = slots[part]
    if (Result.isSuccess(result)) return { keys, slot, delivery: "Executed", ...doneOf(part) }
    failures.push(result.failure)
    const { attempts, delivery, node, reason } = result.failure
    return { keys, slot, node, delivery, reason, attempts }
  })
  const { attempts, away, node, overtaken = false, reason, slot } = failures[0]
  const delivery = deliveryOf(command, parts)
  return toError({ reason, delivery, node, away, overtaken }, { command, slot, attempts, parts })
}

/** The result of a command from those of its parts. */
export const joined = <A>(
  command: Command.Command<A>,
  parts: Parts,
  results: Results,
  doneOf: (part: number) => Done
): Exit.Exit<A, RedisError.RedisError> => {
  const { spec: { response }, tolerant } = command
  const isOrdered = response === "Default"
  if (!(tolerant && isOrdered) && results.some(Result.isFailure)) {
    return Exit.fail(failureOf(command, parts, results, doneOf))
  }
  if (isOrdered) return decoded(command, ordered(parts, results), undefined)
  const values = results.map(Result.getOrThrow)
  const value = response === "AggSum" ? combine(response, values) : agreed(values)
  if (!(value instanceof Mismatch)) return decoded(command, value, undefined)
  const { expected, received } = value
  return Exit.fail(toError(executed(new RedisError.DecodeFailed({ expected, received }), undefined), { command }))
}

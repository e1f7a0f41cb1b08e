/**
 * Many commands that one fiber waits for: submitted in one go, so that each node gets its share in one write, and
 * settled together. The fiber suspends once, however many they are; only those that failed go on one by one.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as RedisError from "../RedisError.ts"
import type * as Resp from "../Resp.ts"
import { Call, deadlineOf, decoded, outcomeOf } from "./call.ts"
import type { Outcome } from "./call.ts"
import { notSent, toError } from "./failure.ts"
import type { Failure } from "./failure.ts"
import * as Redirects from "./redirects.ts"

/** What a batch needs from the cluster. */
export interface Parts {
  readonly actions: Redirects.Actions
  readonly asking: boolean
  /** The slot of a command, or why it can't be executed. */
  readonly admit: (command: Command.Any) => number | RedisError.Reason
  readonly dispatch: (call: Call, slot: number, fiber: Fiber.Fiber<unknown, unknown>) => void
  /** Executes a command that takes another way than `dispatch`. */
  readonly aside: <A>(
    command: Command.Command<A>,
    slot: number,
    deadline: number
  ) => Effect.Effect<A, RedisError.RedisError> | undefined
}

export interface Options {
  readonly now: number
  /** How long a command may take that does not say so itself, in milliseconds. */
  readonly timeout: number
  readonly orNone: boolean
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

interface Item<A> {
  readonly command: Command.Command<A>
  readonly index: number
  readonly slot: number
  readonly deadline: number
}

interface FailedItem<A> extends Item<A> {
  readonly failure: Failure
}

class BatchCall extends Call {
  private readonly batch: Batch
  private readonly position: number

  constructor(batch: Batch, position: number, { command, deadline }: Item<unknown>, asking: boolean) {
    super(command, asking, deadline)
    this.batch = batch
    this.position = position
  }

  onReply(value: Resp.Value, node: string): void {
    this.batch.settle(this.position, outcomeOf(value, node))
  }

  onFailure(failure: Failure): void {
    this.batch.settle(this.position, { _tag: "Failed", failure })
  }
}

/** The calls of a batch. As an effect it is what runs when the fiber is interrupted. */
class Batch extends Effectable.Class<void> {
  readonly calls: ReadonlyArray<BatchCall>
  private readonly outcomes: Array<Outcome>
  private readonly resume: (effect: Effect.Effect<ReadonlyArray<Outcome>>) => void
  private left: number

  constructor(
    items: ReadonlyArray<Item<unknown>>,
    asking: boolean,
    resume: (effect: Effect.Effect<ReadonlyArray<Outcome>>) => void
  ) {
    super()
    this.outcomes = Array.from({ length: items.length })
    this.left = items.length
    this.resume = resume
    this.calls = items.map((item, position) => new BatchCall(this, position, item, asking))
  }

  settle(position: number, outcome: Outcome): void {
    this.outcomes[position] = outcome
    if (--this.left === 0) this.resume(Effect.succeed(this.outcomes))
  }

  override asEffect(): Effect.Effect<void> {
    for (const call of this.calls) call.abandoned = true
    return Effect.void
  }
}

const tryAll = (
  parts: Parts,
  items: ReadonlyArray<Item<unknown>>,
  fiber: Options["fiber"]
): Effect.Effect<ReadonlyArray<Outcome>> =>
  items.length === 0
    ? Effect.succeed([])
    : Effect.callback((resume) => {
      const batch = new Batch(items, parts.asking, resume)
      batch.calls.forEach((call, position) => parts.dispatch(call, items[position].slot, fiber))
      return batch
    })

const bySlot = <A>(items: ReadonlyArray<FailedItem<A>>): Iterable<ReadonlyArray<FailedItem<A>>> => {
  const groups = new Map<number, Array<FailedItem<A>>>()
  for (const item of items) {
    const group = groups.get(item.slot)
    if (group === undefined) groups.set(item.slot, [item])
    else group.push(item)
  }
  return groups.values()
}

/** In its short form a command could be executed, on a second try, behind later ones on its slot: those go in full. */
const inOrder = <A>(items: ReadonlyArray<Item<A>>): ReadonlyArray<Item<A>> => {
  if (items.every(({ command }) => command.unabridged === undefined)) return items
  const last = new Map(items.map(({ index, slot }) => [slot, index]))
  return items.map((item) =>
    item.index === last.get(item.slot) ? item : { ...item, command: Command.inFull(item.command) }
  )
}

const blocks = ({ args, spec }: Command.Any): boolean => CommandSpec.blockMillis(spec, args) !== undefined

const admit = (parts: Parts, command: Command.Any): number | RedisError.Reason => {
  const slot = parts.admit(command)
  return typeof slot === "number" && command.spec.blocking && blocks(command)
    ? new RedisError.InvalidArgument({
      problem: `${command.spec.name} blocks, and would hold up the others: run it by itself`
    })
    : slot
}

/** Executes all of them, and tells for each what came of it. */
export const execute = Effect.fnUntraced(function*<A>(
  parts: Parts,
  commands: ReadonlyArray<Command.Command<A>>,
  options: Options
): Effect.fn.Return<ReadonlyArray<Result.Result<A, RedisError.RedisError>>> {
  const { now, orNone, timeout } = options
  const results: Array<Result.Result<A, RedisError.RedisError>> = Array.from({ length: commands.length })
  const admitted: Array<Item<A>> = []
  const asides: Array<{ readonly index: number; readonly effect: Effect.Effect<A, RedisError.RedisError> }> = []
  for (let index = 0; index < commands.length; index++) {
    const command = commands[index]
    const slot = admit(parts, command)
    if (typeof slot !== "number") {
      const refused = Result.fail(toError(notSent(slot), { command, attempts: 0 }))
      if (orNone) return commands.map(() => refused)
      results[index] = refused
      continue
    }
    const deadline = deadlineOf(command, now, timeout)
    const effect = parts.aside(command, slot, deadline)
    if (effect === undefined) admitted.push({ command, index, slot, deadline })
    else asides.push({ index, effect })
  }

  const items = inOrder(admitted)
  const failed: Array<FailedItem<A>> = []
  const outcomes = yield* tryAll(parts, items, options.fiber)
  for (let position = 0; position < items.length; position++) {
    const item = items[position]
    const outcome = outcomes[position]
    if (outcome._tag === "Failed") {
      failed.push({ ...item, failure: outcome.failure })
      continue
    }
    const exit = decoded(item.command, outcome.value, outcome.node)
    results[item.index] = Exit.isSuccess(exit) ? Result.succeed(exit.value) : yield* Effect.result(exit)
  }

  // Commands of one slot go on in their order, those of different slots side by side.
  yield* Effect.forEach(
    bySlot(failed),
    (ofSlot) =>
      Effect.forEach(
        ofSlot,
        ({ command, deadline, failure, index, slot }) =>
          Effect.map(Effect.result(Redirects.follow(parts.actions, { command, slot, deadline, failure })), (result) => {
            results[index] = result
          }),
        { discard: true }
      ),
    { concurrency: "unbounded", discard: true }
  )
  yield* Effect.forEach(asides, ({ effect, index }) =>
    Effect.map(Effect.result(effect), (result) => {
      results[index] = result
    }), { concurrency: "unbounded", discard: true })
  return results
})

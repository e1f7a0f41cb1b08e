/**
 * Many commands that one fiber waits for: submitted in one go, so that each node gets its share in one write, and
 * settled together. The fiber suspends once, however many they are; only those that failed go on one by one.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Command from "../Command.ts"
import type * as RedisError from "../RedisError.ts"
import type * as Resp from "../Resp.ts"
import { Call, decoded, outcomeOf } from "./call.ts"
import type { Outcome } from "./call.ts"
import { notSent, toError } from "./failure.ts"
import type { Failure } from "./failure.ts"
import { isFanOut } from "./fanOut.ts"
import * as Redirects from "./redirects.ts"

/** What a batch needs from the cluster. */
export interface Parts {
  readonly actions: Redirects.Actions
  /** The slot of a command, or why it can't be part of a batch. */
  readonly admit: (command: Command.Any) => number | RedisError.Reason
  readonly dispatch: (call: Call, slot: number) => void
  readonly fanOut: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
}

interface Item<A> {
  readonly command: Command.Command<A>
  readonly index: number
  readonly slot: number
}

interface FailedItem<A> extends Item<A> {
  readonly failure: Failure
}

class BatchCall extends Call {
  private readonly batch: Batch
  private readonly position: number

  constructor(batch: Batch, position: number, command: Command.Any, deadline: number) {
    super(command, false, deadline)
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
    deadline: number,
    resume: (effect: Effect.Effect<ReadonlyArray<Outcome>>) => void
  ) {
    super()
    this.outcomes = Array.from({ length: items.length })
    this.left = items.length
    this.resume = resume
    this.calls = items.map(({ command }, position) => new BatchCall(this, position, command, deadline))
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
  deadline: number
): Effect.Effect<ReadonlyArray<Outcome>> =>
  items.length === 0
    ? Effect.succeed([])
    : Effect.callback((resume) => {
      const batch = new Batch(items, deadline, resume)
      batch.calls.forEach((call, position) => parts.dispatch(call, items[position].slot))
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

/** Executes all of them, and tells for each what came of it. */
export const execute = Effect.fnUntraced(function*<A>(
  parts: Parts,
  commands: ReadonlyArray<Command.Command<A>>,
  options: { readonly deadline: number; readonly orNone: boolean }
): Effect.fn.Return<ReadonlyArray<Result.Result<A, RedisError.RedisError>>> {
  const { deadline, orNone } = options
  const results: Array<Result.Result<A, RedisError.RedisError>> = Array.from({ length: commands.length })
  const items: Array<Item<A>> = []
  const fanOuts: Array<number> = []
  for (let index = 0; index < commands.length; index++) {
    const command = commands[index]
    const slot = parts.admit(command)
    if (typeof slot !== "number") {
      const refused = Result.fail(toError(notSent(slot), { command, attempts: 0 }))
      if (orNone) return commands.map(() => refused)
      results[index] = refused
    } else if (isFanOut(command)) fanOuts.push(index)
    else items.push({ command, index, slot })
  }

  const failed: Array<FailedItem<A>> = []
  const outcomes = yield* tryAll(parts, items, deadline)
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
        ({ command, failure, index, slot }) =>
          Effect.map(Effect.result(Redirects.follow(parts.actions, { command, slot, deadline, failure })), (result) => {
            results[index] = result
          }),
        { discard: true }
      ),
    { concurrency: "unbounded", discard: true }
  )
  yield* Effect.forEach(fanOuts, (index) =>
    Effect.map(Effect.result(parts.fanOut(commands[index])), (result) => {
      results[index] = result
    }), { concurrency: "unbounded", discard: true })
  return results
})

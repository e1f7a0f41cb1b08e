/**
 * Many commands that one fiber waits for: submitted in one go, so that each node gets its share in one write, and
 * settled together. The fiber suspends once, however many they are; only those that failed go on one by one.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { blocks, Call, deadlineOf, decoded } from "../connection/call.ts"
import { notSent, rejected, toError } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { overtakers } from "./overtaking.ts"
import * as Redirects from "./redirects.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a batch needs from the cluster. */
export interface Parts {
  /** What a further try of a command takes, which stays on the connection of the others. */
  readonly together: Redirects.Actions
  readonly asking: boolean
  /** The slot of a command, or why it can't be executed. */
  readonly admit: (command: Command.Any) => number | RedisError.Reason
  readonly dispatch: (call: Call, slot: number, fiber: AnyFiber) => void
  /** Executes a command that takes another way than `dispatch`. */
  readonly aside: <A>(
    command: Command.Command<A>,
    seen: Redirects.Seen
  ) => Effect.Effect<A, RedisError.RedisError> | undefined
}

export interface Options {
  /** The time, in milliseconds. */
  readonly now: () => number
  /** How long a command may take that does not say so itself, in milliseconds. */
  readonly timeout: number
  readonly orNone: boolean
  readonly fiber: AnyFiber
  /** Is told each node that answers, where somebody wants to know. */
  readonly seen?: Redirects.Seen
}

/** What is still to be done for a command when the first replies are there. */
interface Rest<A> {
  readonly index: number
  readonly slot: number
  /** Whether the first try has been executed, or may have been. */
  readonly tried: boolean
  readonly work: (overtaken: boolean) => Effect.Effect<A, RedisError.RedisError>
}

class BatchCall<A> extends Call {
  readonly index: number
  readonly slot: number
  private readonly batch: Batch<A>

  constructor(batch: Batch<A>, command: Command.Command<A>, index: number, slot: number, deadline: number) {
    super(command, batch.parts.asking, deadline)
    this.batch = batch
    this.index = index
    this.slot = slot
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) return this.onFailure(rejected(value, node, this))
    this.batch.seen?.(node)
    const exit = decoded(this.command as Command.Command<A>, value, node, this.slot)
    if (Exit.isSuccess(exit)) this.batch.succeed(this, exit.value)
    else this.batch.postpone(this, true, () => exit)
  }

  onFailure(failure: Failure): void {
    const { deadline, slot } = this
    const command = this.command as Command.Command<A>
    this.batch.postpone(
      this,
      failure.delivery === "MaybeExecuted",
      (overtaken) =>
        Redirects.follow(this.batch.parts.together, {
          command,
          slot,
          deadline,
          failure,
          overtaken,
          seen: this.batch.seen
        })
    )
  }

  inFull(): BatchCall<A> {
    return new BatchCall(
      this.batch,
      Command.inFull(this.command as Command.Command<A>),
      this.index,
      this.slot,
      this.deadline
    )
  }
}

/** The calls of a batch. As an effect it is what runs when the fiber is interrupted. */
class Batch<A> extends Effectable.Class<void> {
  readonly parts: Parts
  readonly seen: Redirects.Seen
  readonly results: Array<Result.Result<A, RedisError.RedisError> | undefined>
  readonly rest: Array<Rest<A>> = []
  private calls: ReadonlyArray<BatchCall<A>> = []
  private left = 0
  private resume: (effect: Effect.Effect<void>) => void = () => {}

  constructor(parts: Parts, commands: ReadonlyArray<Command.Command<A>>, seen: Redirects.Seen) {
    super()
    this.parts = parts
    this.seen = seen
    this.results = commands.map(() => undefined)
  }

  succeed({ index }: BatchCall<A>, value: A): void {
    this.results[index] = Result.succeed(value)
    this.settled()
  }

  postpone({ index, slot }: BatchCall<A>, tried: boolean, work: Rest<A>["work"]): void {
    this.rest.push({ index, slot, tried, work })
    this.settled()
  }

  private settled(): void {
    if (--this.left === 0) this.resume(Effect.void)
  }

  /** Submits the calls, and waits until each has been answered once. */
  attempt(calls: ReadonlyArray<BatchCall<A>>, fiber: AnyFiber): Effect.Effect<void> {
    if (calls.length === 0) return Effect.void
    return Effect.callback((resume) => {
      this.calls = calls
      this.left = calls.length
      this.resume = resume
      for (const call of calls) this.parts.dispatch(call, call.slot, fiber)
      return this
    })
  }

  override asEffect(): Effect.Effect<void> {
    for (const call of this.calls) call.abandoned = true
    return Effect.void
  }
}

/** In its short form a command could be executed, on a second try, behind later ones on its slot: those go in full. */
const inOrder = <A>(calls: ReadonlyArray<BatchCall<A>>): ReadonlyArray<BatchCall<A>> => {
  if (calls.every(({ command }) => command.unabridged === undefined)) return calls
  const last = new Map(calls.map((call) => [call.slot, call]))
  return calls.map((call) => last.get(call.slot) === call ? call : call.inFull())
}

/** Each slot's, in the order of the commands. */
const bySlot = <A>(rest: ReadonlyArray<Rest<A>>): Iterable<ReadonlyArray<Rest<A>>> => {
  const groups = new Map<number, Array<Rest<A>>>()
  for (const one of rest.toSorted((a, b) => a.index - b.index)) {
    const group = groups.get(one.slot)
    if (group === undefined) groups.set(one.slot, [one])
    else group.push(one)
  }
  return groups.values()
}

const admit = (parts: Parts, command: Command.Any): number | RedisError.Reason => {
  const slot = parts.admit(command)
  return typeof slot === "number" && blocks(command)
    ? new RedisError.InvalidArgument({
      problem: "it blocks, and would hold up the others: run it by itself"
    })
    : slot
}

type Settled<A> = Result.Result<A, RedisError.RedisError>

/** Some of the commands, with the slot of each, or why it can't be executed. */
interface Stretch<A> {
  readonly commands: Array<Command.Command<A>>
  readonly slots: Array<number | RedisError.Reason>
  /** What takes another way than to be dispatched; undefined where the others are. */
  readonly asides: Array<Effect.Effect<A, RedisError.RedisError>> | undefined
}

/** Neighbours that take the same way, in the order of all. */
const stretches = <A>(
  parts: Parts,
  commands: ReadonlyArray<Command.Command<A>>,
  slots: ReadonlyArray<number | RedisError.Reason>,
  seen: Redirects.Seen
): ReadonlyArray<Stretch<A>> => {
  const all: Array<Stretch<A>> = []
  for (let index = 0; index < commands.length; index++) {
    const aside = typeof slots[index] === "number" ? parts.aside(commands[index], seen) : undefined
    let last = all.at(-1)
    if (last === undefined || (last.asides === undefined) !== (aside === undefined)) {
      last = { commands: [], slots: [], asides: aside === undefined ? undefined : [] }
      all.push(last)
    }
    last.commands.push(commands[index])
    last.slots.push(slots[index])
    if (aside !== undefined) last.asides?.push(aside)
  }
  return all
}

const refused = (command: Command.Any, reason: RedisError.Reason) =>
  Result.fail(toError(notSent(reason), { command, attempts: 0 }))

/** Executes those that are dispatched. */
const together = Effect.fnUntraced(function*<A>(
  parts: Parts,
  { commands, slots }: Stretch<A>,
  { fiber, now, seen, timeout }: Options
): Effect.fn.Return<ReadonlyArray<Settled<A>>> {
  const batch = new Batch<A>(parts, commands, seen)
  const { results } = batch
  const begun = now()
  const calls: Array<BatchCall<A>> = []
  for (let index = 0; index < commands.length; index++) {
    const command = commands[index]
    const slot = slots[index]
    if (typeof slot !== "number") results[index] = refused(command, slot)
    else calls.push(new BatchCall(batch, command, index, slot, deadlineOf(command, begun, timeout)))
  }

  yield* batch.attempt(inOrder(calls), fiber)
  const isOvertaken = overtakers(commands, results, batch.rest)
  const finish = ({ index, work }: Rest<A>) =>
    Effect.map(Effect.result(work(isOvertaken(index))), (result) => {
      results[index] = result
    })
  // Commands of one slot go on in their order, those of different slots side by side.
  yield* Effect.forEach(bySlot(batch.rest), (ofSlot) => Effect.forEach(ofSlot, finish, { discard: true }), {
    concurrency: "unbounded",
    discard: true
  })
  return results as ReadonlyArray<Settled<A>>
})

/**
 * Executes all of them, and tells for each what came of it. What is about the whole cluster (FLUSHALL, DBSIZE) is about every
 * key: it waits for what stands before it, and what follows waits for it.
 */
export const execute = Effect.fnUntraced(function*<A>(
  parts: Parts,
  given: ReadonlyArray<Command.Command<A>>,
  options: Options
): Effect.fn.Return<ReadonlyArray<Settled<A>>> {
  const commands = Command.listOf(given)
  const slots = commands.map((command) => admit(parts, command))
  const unfit = options.orNone ? slots.findIndex((slot) => typeof slot !== "number") : -1
  if (unfit >= 0) {
    const result = refused(commands[unfit], slots[unfit] as RedisError.Reason)
    return commands.map(() => result)
  }
  const results: Array<ReadonlyArray<Settled<A>>> = []
  for (const stretch of stretches(parts, commands, slots, options.seen)) {
    const { asides } = stretch
    results.push(
      asides === undefined
        ? yield* together(parts, stretch, options)
        : yield* Effect.forEach(asides, Effect.result, {
          concurrency: stretch.commands.some(({ spec }) => spec.write) ? 1 : "unbounded"
        })
    )
  }
  return results.length === 1 ? results[0] : results.flat()
})

/**
 * Executes many commands for one fiber. They are submitted together, so that each node gets its share in one write, and the
 * fiber suspends once for all of them. Only the commands that fail continue (`remainder.ts`). A command with keys of several slots
 * is replaced by its parts (`parts.ts`), and so can be executed with others, or by itself.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { anySlot } from "../commands/keySlot.ts"
import { blocks, Call, deadlineOf, decoded } from "../connection/call.ts"
import { rejected, unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Admission, Split } from "./admission.ts"
import { Company } from "./company.ts"
import { unbegun } from "./firstMap.ts"
import type { FirstMap } from "./firstMap.ts"
import { overtakers } from "./overtaking.ts"
import * as Parts from "./parts.ts"
import * as Remainder from "./remainder.ts"
import type { AnyFiber, Router } from "./router.ts"
import { gathering } from "./tracing.ts"
import type { Seen } from "./tracing.ts"

export interface Options {
  /** Whether to send nothing if one of the commands can't be sent. */
  readonly orNone: boolean
  readonly fiber: AnyFiber
  readonly seen?: Seen
}

/** For whom commands are sent, and when they began if that was earlier: they have waited for the first map. */
interface Sender extends Omit<Options, "orNone"> {
  readonly begun?: number | undefined
}

/** A command that was executed, and whose reply can't be decoded. */
interface Unreadable<A> {
  readonly index: number
  readonly exit: Exit.Exit<A, RedisError.RedisError>
}

class BatchCall<A> extends Call {
  readonly index: number
  readonly slot: number
  readonly company: Company | undefined
  private readonly batch: Batch<A>

  constructor(
    batch: Batch<A>,
    command: Command.Command<A>,
    index: number,
    slot: number,
    deadline: number,
    company: Company | undefined
  ) {
    super(command, batch.router.asking, deadline)
    this.batch = batch
    this.index = index
    this.slot = slot
    this.company = company
  }

  override get hasTurn(): boolean {
    return true
  }

  override hasRoomAt(node: string): boolean {
    return this.company?.hasRoomAt(node) === true
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) return this.onFailure(rejected(value, node, this))
    this.batch.seen?.(node)
    const exit = decoded(this.command as Command.Command<A>, value, node, this.slot)
    if (Exit.isSuccess(exit)) this.batch.succeed(this, exit.value, node)
    else this.batch.misread(this, exit)
  }

  onFailure(failure: Failure): void {
    const { deadline, index, slot } = this
    const command = this.command as Command.Command<A>
    this.batch.postpone({
      command,
      index,
      slot,
      deadline,
      abridged: command.unabridged !== undefined,
      failure,
      failedAt: this.batch.router.clock.read(),
      attempts: 1,
      uncertain: failure.delivery === "MaybeExecuted",
      overtaken: false
    })
  }

  inFull(): BatchCall<A> {
    return new BatchCall(
      this.batch,
      Command.inFull(this.command as Command.Command<A>),
      this.index,
      this.slot,
      this.deadline,
      this.company
    )
  }
}

/** The calls of a batch and their results. As an effect, run when the fiber is interrupted, it abandons the calls. */
class Batch<A> extends Effectable.Class<void> {
  readonly router: Router
  readonly seen: Seen
  readonly results: Array<Result.Result<A, RedisError.RedisError> | undefined>
  /** Where each command was done, and in how many tries if more than one. Filled if some of them are parts. */
  readonly nodes: Array<string | undefined> | undefined
  readonly attempts = new Map<number, number>()
  readonly rest: Array<Remainder.Left<A>> = []
  readonly unreadable: Array<Unreadable<A>> = []
  private calls: ReadonlyArray<BatchCall<A>> = []
  private left = 0
  private resume: (effect: Effect.Effect<void>) => void = () => {}

  constructor(router: Router, commands: ReadonlyArray<Command.Command<A>>, hasParts: boolean, seen: Seen) {
    super()
    this.router = router
    this.seen = seen
    this.results = commands.map(() => undefined)
    this.nodes = hasParts ? [] : undefined
  }

  succeed({ index }: BatchCall<A>, value: A, node: string): void {
    this.results[index] = Result.succeed(value)
    if (this.nodes !== undefined) this.nodes[index] = node
    this.settled()
  }

  misread({ index }: BatchCall<A>, exit: Unreadable<A>["exit"]): void {
    this.unreadable.push({ index, exit })
    this.settled()
  }

  postpone(left: Remainder.Left<A>): void {
    this.rest.push(left)
    this.settled()
  }

  readonly settle: Remainder.Options<A>["settle"] = (index, result, { attempts, node }) => {
    this.results[index] = result
    if (this.nodes === undefined) return
    this.nodes[index] = node
    this.attempts.set(index, attempts)
  }

  private settled(): void {
    if (--this.left === 0) this.resume(Effect.void)
  }

  /** Submits the calls, and waits until each has a reply or a failure. */
  attempt(calls: ReadonlyArray<BatchCall<A>>, fiber: AnyFiber): Effect.Effect<void> {
    if (calls.length === 0) return Effect.void
    return Effect.callback((resume) => {
      this.calls = calls
      this.left = calls.length
      this.resume = resume
      for (const call of calls) {
        const failed = this.rest.length
        this.router.dispatch(call, call.slot, fiber, groupOf(this.router, call))
        if (call.company !== undefined && this.rest.length === failed) call.company.taken()
      }
      return this
    })
  }

  override asEffect(): Effect.Effect<void> {
    for (const call of this.calls) call.abandon()
    return Effect.void
  }
}

/**
 * The group within which commands keep their order: those on one slot, or all of them if a command's keys may be in several
 * slots.
 */
const groupOf = ({ oneSlot }: Router, { slot }: { readonly slot: number }): number => oneSlot ? slot : anySlot

/**
 * Replaces the short form of a command (EVALSHA) by the full form if a later command is in the same group. After NOSCRIPT, a
 * second try of the short form would be executed behind the later command.
 */
const inOrder = <A>(router: Router, calls: ReadonlyArray<BatchCall<A>>): ReadonlyArray<BatchCall<A>> => {
  if (calls.every(({ command }) => command.unabridged === undefined)) return calls
  const last = new Map(calls.map((call) => [groupOf(router, call), call]))
  return calls.map((call) => last.get(groupOf(router, call)) === call ? call : call.inFull())
}

const admit = (router: Router, command: Command.Any, fiber: AnyFiber, isLate = false): Admission => {
  const way = router.admit(command, fiber, isLate)
  return typeof way === "number" && blocks(command)
    ? new RedisError.InvalidArgument({
      problem: "it blocks, and would hold up the others: run it by itself"
    })
    : way
}

type Settled<A> = Result.Result<A, RedisError.RedisError>

/** Consecutive commands that are either all sent together or all split. */
interface Stretch<A> {
  readonly isSplit: boolean
  readonly commands: Array<Command.Command<A>>
  readonly ways: Array<Admission>
}

const isSplit = (way: Admission): way is Split => typeof way !== "number" && way._tag === "Split"

const isParts = (way: Admission): way is Parts.Parts => typeof way !== "number" && way._tag === "Parts"

const isRefusal = (way: Admission): way is RedisError.Reason =>
  typeof way !== "number" && way._tag !== "Split" && way._tag !== "Parts"

/** Divides the commands, in their order, into stretches of split commands and stretches of others. */
const stretches = <A>(
  commands: ReadonlyArray<Command.Command<A>>,
  ways: ReadonlyArray<Admission>
): ReadonlyArray<Stretch<A>> => {
  const all: Array<Stretch<A>> = []
  for (let index = 0; index < commands.length; index++) {
    let last = all.at(-1)
    if (last?.isSplit !== isSplit(ways[index])) {
      last = { isSplit: isSplit(ways[index]), commands: [], ways: [] }
      all.push(last)
    }
    last.commands.push(commands[index])
    last.ways.push(ways[index])
  }
  return all
}

/** Executes split commands one after the other if one of them writes, otherwise concurrently. */
const oneByOne = <A>(
  { commands, ways }: Stretch<A>,
  seen: Seen,
  begun: number | undefined
): Effect.Effect<ReadonlyArray<Settled<A>>> =>
  Effect.forEach(commands, (command, index) => Effect.result((ways[index] as Split).execute(command, seen, begun)), {
    concurrency: commands.some(({ spec }) => spec.write) ? 1 : "unbounded"
  })

const refused = (command: Command.Any, reason: RedisError.Reason) => Result.fail(unsent(reason, command))

/** Replaces commands by their parts. */
const spread = ({ commands, ways }: Stretch<unknown>) => {
  const all = {
    commands: new Array<Command.Any>(),
    ways: new Array<Admission>(),
    companies: new Array<Company | undefined>()
  }
  for (let index = 0; index < commands.length; index++) {
    const way = ways[index]
    if (!isParts(way)) {
      all.commands.push(commands[index])
      all.ways.push(way)
      all.companies.push(undefined)
      continue
    }
    const company = new Company()
    // A loop: too many arguments to `push` would exceed the stack.
    for (let part = 0; part < way.slots.length; part++) {
      all.commands.push(way.commands[part])
      all.ways.push(way.slots[part])
      all.companies.push(company)
    }
  }
  return all
}

/** Replaces the results of parts by those of their commands. */
const gathered = Effect.fnUntraced(function*<A>(
  { commands, ways }: Stretch<A>,
  { attempts, nodes = [], results }: Batch<unknown>
): Effect.fn.Return<ReadonlyArray<Settled<A>>> {
  const all: Array<Settled<A>> = []
  let at = 0
  for (let index = 0; index < commands.length; index++) {
    const way = ways[index]
    if (!isParts(way)) {
      all.push(results[at++] as Settled<A>)
      continue
    }
    const first = at
    at += way.slots.length
    const ofParts = results.slice(first, at) as ReadonlyArray<Settled<Resp.Value>>
    const doneOf = (part: number) => ({ node: nodes[first + part], attempts: attempts.get(first + part) ?? 1 })
    all.push(yield* Effect.result(Parts.joined(commands[index], way, ofParts, doneOf)))
  }
  return all
})

/** Submits the commands together, and continues with those that fail. */
const together = Effect.fnUntraced(function*<A>(
  router: Router,
  stretch: Stretch<A>,
  { begun = router.clock.readExactly(), fiber, seen }: Sender
): Effect.fn.Return<ReadonlyArray<Settled<A>>> {
  const hasParts = stretch.ways.some(isParts)
  const { commands, companies, ways } = hasParts ? spread(stretch) : { ...stretch, companies: undefined }
  const batch = new Batch<unknown>(router, commands, hasParts, seen)
  const { results } = batch
  const calls: Array<BatchCall<unknown>> = []
  for (let index = 0; index < commands.length; index++) {
    const command = commands[index]
    const way = ways[index]
    if (typeof way === "number") {
      const deadline = deadlineOf(command, begun, router.timeout)
      calls.push(new BatchCall(batch, command, index, way, deadline, companies?.[index]))
    } else if (isRefusal(way)) {
      results[index] = refused(command, way)
    }
  }

  yield* batch.attempt(inOrder(router, calls), fiber)
  const { rest, unreadable } = batch
  const tried = [
    ...unreadable.map(({ index }) => ({ index, tried: true })),
    ...rest.map(({ failure, index }) => ({ index, tried: failure.delivery === "MaybeExecuted" }))
  ]
  if (tried.length > 0) {
    const isOvertaken = overtakers(commands, results, tried)
    for (const { exit, index } of unreadable) results[index] = yield* Effect.result(exit)
    for (const left of rest) left.overtaken = isOvertaken(left.index)
    yield* Remainder.goOn({ router, fiber, settle: batch.settle, seen }, rest)
  }
  return hasParts ? yield* gathered(stretch, batch) : results as ReadonlyArray<Settled<A>>
})

/** Executes a command with keys of several slots. */
export const executeInParts = <A>(
  router: Router,
  command: Command.Command<A>,
  parts: Parts.Parts,
  { begun, fiber, seen }: Sender
): Effect.Effect<A, RedisError.RedisError> => {
  const stretch = { isSplit: false, commands: [command], ways: [parts] }
  const settled = together(router, stretch, { fiber, begun, seen: seen && gathering(seen) })
  return Effect.flatMap(settled, ([result]) => Effect.fromResult(result))
}

/**
 * Executes all commands, and returns the result of each. A command about the whole cluster (FLUSHALL, DBSIZE) concerns every
 * key, so it waits for the commands before it, and the commands behind it wait for it.
 */
export const execute = Effect.fnUntraced(function*<A>(
  router: Router,
  given: ReadonlyArray<Command.Command<A>>,
  options: Options
): Effect.fn.Return<ReadonlyArray<Settled<A>>> {
  const commands = Command.listOf(given)
  const ways = commands.map((command) => admit(router, command, options.fiber))
  const unfit = options.orNone ? ways.findIndex(isRefusal) : -1
  if (unfit >= 0) {
    const result = refused(commands[unfit], ways[unfit] as RedisError.Reason)
    return commands.map(() => result)
  }
  let begun: number | undefined
  const { firstMap } = router
  if (firstMap !== undefined && !firstMap.isThere && !ways.every(isRefusal)) {
    begun = router.clock.readExactly()
    const failure = yield* onceThereIsAMap(router, firstMap, { commands, ways, begun }, options.fiber)
    if (failure !== undefined) {
      return commands.map((command, index): Settled<A> => {
        const way = ways[index]
        return isRefusal(way) ? refused(command, way) : Result.fail(unbegun(failure, command, router.timeout))
      })
    }
  }
  const results: Array<ReadonlyArray<Settled<A>>> = []
  for (const stretch of stretches(commands, ways)) {
    results.push(
      yield* stretch.isSplit ? oneByOne(stretch, options.seen, begun) : together(router, stretch, { ...options, begun })
    )
  }
  return results.length === 1 ? results[0] : results.flat()
})

/**
 * Waits for the first map, and then decides anew where the commands go. Those whose deadline has passed by then are refused.
 * Answers why there was no map in time.
 */
const onceThereIsAMap = Effect.fnUntraced(function*(
  router: Router,
  firstMap: FirstMap,
  { begun, commands, ways }: {
    readonly commands: ReadonlyArray<Command.Any>
    readonly ways: Array<Admission>
    readonly begun: number
  },
  fiber: AnyFiber
): Effect.fn.Return<Failure | undefined> {
  const deadlines = commands.map((command) => deadlineOf(command, begun, router.timeout))
  const longest = deadlines.reduce((most, deadline, i) => isRefusal(ways[i]) ? most : Math.max(most, deadline), 0)
  const failure = yield* firstMap.wait(router.policyOf(fiber), longest)
  if (failure !== undefined) return failure
  const now = router.clock.readExactly()
  for (let i = 0; i < commands.length; i++) {
    ways[i] = deadlines[i] > now
      ? admit(router, commands[i], fiber, true)
      : new RedisError.Timeout({ waitingFor: "the client to learn the layout" })
  }
  return undefined
})

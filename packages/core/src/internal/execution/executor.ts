/**
 * Executes commands, one or many, as a fiber sees it: checks, deadline, the one suspension, and the slow path behind a
 * failure. Where commands go is what the two kinds of executors differ in: those of a cluster by slot, those of a
 * session over one connection.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import type { RedisError } from "../../RedisError.ts"
import type * as RedisErrors from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { Call, deadlineOf, decoded } from "../connection/call.ts"
import { notSent, rejected, toError } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Batch from "./batch.ts"
import * as Redirects from "./redirects.ts"
import * as Tracing from "./tracing.ts"
import type { TurnClock } from "./turnClock.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The first try of a command. Its reply goes straight to the fiber; anything else begins the slow path there. */
class FirstTry<A> extends Call {
  private readonly actions: Redirects.Actions
  private readonly slot: number
  private readonly seen: Redirects.Seen
  private readonly resume: (effect: Effect.Effect<A, RedisError>) => void

  constructor(
    actions: Redirects.Actions,
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    asking: boolean,
    seen: Redirects.Seen,
    resume: (effect: Effect.Effect<A, RedisError>) => void
  ) {
    super(command, asking, deadline)
    this.actions = actions
    this.slot = slot
    this.seen = seen
    this.resume = resume
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) return this.onFailure(rejected(value, node, this))
    this.seen?.(node)
    this.resume(decoded(this.command as Command.Command<A>, value, node, this.slot))
  }

  onFailure(failure: Failure): void {
    const { deadline, seen, slot } = this
    const command = this.command as Command.Command<A>
    this.resume(Redirects.follow(this.actions, { command, slot, deadline, failure, seen }))
  }
}

export abstract class Executor implements Batch.Parts {
  abstract readonly actions: Redirects.Actions
  abstract readonly together: Redirects.Actions
  /** Whether ASKING goes before each command. */
  readonly asking: boolean
  protected readonly clock: TurnClock
  protected readonly commandTimeout: number

  constructor(clock: TurnClock, commandTimeout: number, asking: boolean) {
    this.asking = asking
    this.clock = clock
    this.commandTimeout = commandTimeout
  }

  /** The slot of a command, or why it can't be executed. */
  abstract admit(command: Command.Any): number | RedisErrors.Reason

  /** Submits a call on behalf of a fiber to whoever is to answer it. */
  abstract dispatch(call: Call, slot: number, fiber: AnyFiber): void

  /** Executes a command that takes another way than `dispatch`; undefined for one that does not. */
  abstract aside<A>(command: Command.Command<A>, seen: Redirects.Seen): Effect.Effect<A, RedisError> | undefined

  /** The same for one that has to have a connection to itself, which it does not get in a pipeline. */
  abstract apart<A>(
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    seen?: Redirects.Seen
  ): Effect.Effect<A, RedisError> | undefined

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError> =>
    Effect.withFiber((fiber) => this.executeIn(Command.orInvalid(command), fiber))

  readonly executeIn = <A>(command: Command.Command<A>, fiber: AnyFiber): Effect.Effect<A, RedisError> =>
    Tracing.isTraced(fiber)
      ? this.traced(command, (seen) => this.start(command, fiber, seen))
      : this.start(command, fiber)

  private start<A>(command: Command.Command<A>, fiber: AnyFiber, seen?: Redirects.Seen): Effect.Effect<A, RedisError> {
    const slot = this.admit(command)
    if (typeof slot !== "number") return this.refuse(command, slot)
    const now = command.timeout === undefined ? this.clock.read() : this.clock.readExactly()
    const deadline = deadlineOf(command, now, this.commandTimeout)
    const otherwise = this.aside(command, seen) ?? this.apart(command, slot, deadline, seen)
    return otherwise ?? Effect.callback((resume) => {
      const call = new FirstTry(this.actions, command, slot, deadline, this.asking, seen, resume)
      this.dispatch(call, slot, fiber)
      return call
    })
  }

  /** Runs a command in a span. What it comes to may hold a failure. */
  traced<A, E extends RedisError>(
    command: Command.Any,
    work: (seen: NonNullable<Redirects.Seen>) => Effect.Effect<A, E>,
    failureIn: (value: A) => RedisError | undefined = () => undefined
  ): Effect.Effect<A, E> {
    const { name } = command.spec
    return Effect.useSpan(name, Tracing.ofCommand(name), (span) => {
      let last: ReadonlyArray<string | undefined> = []
      const running = work((...nodes) => {
        last = nodes
      })
      const places = (nodes: typeof last, error: RedisError | undefined) =>
        Effect.sync(() => {
          Tracing.annotatePlaces(span, nodes, [command])
          if (error !== undefined) Tracing.annotateFailure(span, error)
        })
      return Effect.tapError(
        Effect.tap(running, (value) => places(last, failureIn(value))),
        (error) => places(error.node === undefined ? last : [error.node], error)
      )
    })
  }

  protected refuse(command: Command.Any, reason: RedisErrors.Reason): Effect.Effect<never, RedisError> {
    return Effect.suspend(() => Effect.fail(toError(notSent(reason), { command, attempts: 0 })))
  }

  /** What a layer provides. */
  get service(): Command.Redis["Service"] {
    const { execute, executeAll, executeIn } = this
    return { execute, executeAll, executeIn }
  }

  readonly executeAll: Command.Redis["Service"]["executeAll"] = (commands, options) =>
    Effect.withFiber((fiber) => {
      const execute = (seen?: Redirects.Seen) =>
        Batch.execute(this, commands, {
          now: () => this.clock.readExactly(),
          timeout: this.commandTimeout,
          orNone: options?.orNone === true,
          fiber,
          seen
        })
      return Tracing.isTraced(fiber) ? this.tracedBatch(commands, execute) : execute()
    })

  private tracedBatch<A>(
    given: ReadonlyArray<Command.Command<A>>,
    execute: (seen: Redirects.Seen) => Effect.Effect<ReadonlyArray<Result.Result<A, RedisError>>>
  ): Effect.Effect<ReadonlyArray<Result.Result<A, RedisError>>> {
    const commands = Command.listOf(given)
    return Effect.useSpan("PIPELINE", Tracing.ofBatch(commands.length), (span) => {
      const nodes = new Set<string | undefined>()
      const work = execute((...answering) => {
        for (const node of answering) nodes.add(node)
      })
      return Effect.tap(work, (results) =>
        Effect.sync(() => {
          Tracing.annotatePlaces(span, [...nodes], commands)
          const failed = results.find(Result.isFailure)
          if (failed !== undefined) Tracing.annotateFailure(span, failed.failure)
        }))
    })
  }
}

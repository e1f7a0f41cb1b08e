/**
 * Executes commands, one or many, on behalf of a fiber: checks, deadline, the one suspension, and the slow path after a
 * failure. The router decides where commands go.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { copied, forReader } from "../caching/store.ts"
import { Call, deadlineOf, decoded } from "../connection/call.ts"
import { rejected, unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import * as Batch from "./batch.ts"
import * as Parts from "./parts.ts"
import * as Redirects from "./redirects.ts"
import { byMap } from "./router.ts"
import type { AnyFiber, Router } from "./router.ts"
import type { Stay } from "./stay.ts"
import * as Tracing from "./tracing.ts"
import { WaitingCall } from "./waitingCall.ts"
import type { Host } from "./waitingCall.ts"

/** The first try of a command. A reply resumes the fiber directly; anything else starts the slow path in that fiber. */
class FirstTry<A> extends Call implements Host {
  readonly router: Router
  readonly slot: number
  readonly fiber: AnyFiber
  readonly rank: number | undefined
  private readonly seen: Tracing.Seen
  private readonly resume: (effect: Effect.Effect<A, RedisError>) => void
  private waiting: WaitingCall | undefined = undefined

  constructor(
    router: Router,
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    fiber: AnyFiber,
    seen: Tracing.Seen,
    resume: (effect: Effect.Effect<A, RedisError>) => void
  ) {
    super(command, router.asking, deadline)
    this.router = router
    this.slot = slot
    this.fiber = fiber
    this.rank = router.room?.draw()
    this.seen = seen
    this.resume = resume
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) return this.onFailure(rejected(value, node, this))
    this.seen?.(node)
    this.resume(decoded(this.command as Command.Command<A>, value, node, this.slot))
  }

  onFailure(failure: Failure): void {
    this.goOn(failure)
  }

  override onAway(failure: Failure): void {
    const { command, deadline, fiber, router, slot } = this
    const { room } = router
    const within = Result.getOrUndefined(RedirectPolicy.termsOf("", router.policyOf(fiber)))?.within
    const place = router.placeOf(command, slot, fiber)
    if (room === undefined || within === undefined || place === undefined) return this.onFailure(failure)
    this.waiting = new WaitingCall(this, room, failure, place.readFrom, Math.min(deadline, room.now() + within))
    room.enter(this.waiting)
  }

  goOn(failure: Failure, stay?: Stay): void {
    const { deadline, rank, seen, slot } = this
    const command = this.command as Command.Command<A>
    this.resume(Redirects.follow(this.router, { command, slot, deadline, failure, seen, stay, rank }))
  }

  fail(error: RedisError): void {
    this.resume(Exit.fail(error))
  }

  override asEffect(): Effect.Effect<void> {
    return this.waiting === undefined ? super.asEffect() : this.waiting.asEffect()
  }
}

export class Executor {
  private readonly router: Router

  constructor(router: Router) {
    this.router = router
  }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError> =>
    Effect.withFiber((fiber) => this.executeIn(Command.orInvalid(command), fiber))

  readonly executeIn = <A>(command: Command.Command<A>, fiber: AnyFiber): Effect.Effect<A, RedisError> =>
    Tracing.isTraced(fiber)
      ? Tracing.traced(command, (seen) => this.begin(command, fiber, seen))
      : this.begin(command, fiber)

  /** `begun` is when it began, in milliseconds of the Clock, for a command that has waited for the first map. */
  begin<A>(
    command: Command.Command<A>,
    fiber: AnyFiber,
    seen?: Tracing.Seen,
    begun?: number
  ): Effect.Effect<A, RedisError> {
    const { router } = this
    if (command.maxAge !== undefined) {
      const recalled = this.recall(command, fiber, seen)
      if (recalled !== undefined) return recalled
    }
    const way = router.admit(command, fiber, begun !== undefined)
    if (typeof way !== "number") {
      if (way._tag === "Split") return way.execute(command, seen, begun)
      return way._tag === "Parts"
        ? this.recallParts(command, way, fiber, seen) ??
          Batch.executeInParts(router, command, way, { fiber, seen, begun })
        : Effect.suspend(() => Effect.fail(unsent(way, command)))
    }
    const now = begun ?? (command.timeout === undefined ? router.clock.read() : router.clock.readExactly())
    const deadline = deadlineOf(command, now, router.timeout)
    if (router.standsApart(command)) return this.startApart(command, way, deadline, seen)
    return Effect.callback((resume) => {
      const call = new FirstTry(router, command, way, deadline, fiber, seen, resume)
      router.dispatch(call, way, fiber)
      return call
    })
  }

  /** The reply that is kept, if there is one. */
  private recall<A>(
    command: Command.Command<A>,
    fiber: AnyFiber,
    seen: Tracing.Seen
  ): Effect.Effect<A, RedisError> | undefined {
    const kept = this.router.recall(command, fiber)
    if (kept === undefined) return undefined
    seen?.(kept.node)
    return decoded(command, forReader(command, kept.value), kept.node, kept.slot)
  }

  /** The reply that is put together from kept ones, if all are. */
  private recallParts<A>(
    command: Command.Command<A>,
    parts: Parts.Parts,
    fiber: AnyFiber,
    seen: Tracing.Seen
  ): Effect.Effect<A, RedisError> | undefined {
    const all = command.maxAge === undefined ? undefined : this.router.recallAll(parts.commands, fiber)
    if (all === undefined) return undefined
    seen?.(...all.map(({ node }) => node))
    const results = all.map(({ node, slot, value }, part) => {
      const exit = decoded(parts.commands[part], copied(value), node, slot)
      return Exit.isSuccess(exit) ? Result.succeed(exit.value) : Effect.runSync(Effect.result(exit))
    })
    return Parts.joined(command, parts, results, (part) => ({ node: all[part].node, attempts: 1 }))
  }

  private startApart<A>(
    command: Command.Command<A>,
    slot: number,
    deadline: number,
    seen: Tracing.Seen
  ): Effect.Effect<A, RedisError> {
    const { router } = this
    return Effect.flatMap(router.send({ command, slot, deadline, route: byMap, together: false }), (outcome) => {
      if (outcome._tag === "Failed") {
        return Redirects.follow(router, { command, slot, deadline, failure: outcome.failure, seen })
      }
      seen?.(outcome.node)
      return decoded(command, outcome.value, outcome.node, slot)
    })
  }

  readonly executeAll: Command.Redis["Service"]["executeAll"] = (commands, options) =>
    Effect.withFiber((fiber) => {
      const orNone = options?.orNone === true
      const execute = (seen?: Tracing.Seen) => Batch.execute(this.router, commands, { orNone, fiber, seen })
      return Tracing.isTraced(fiber) ? Tracing.tracedPipeline(commands, execute) : execute()
    })

  /** The service for a layer, or for a region of a program. */
  get service(): Command.Redis["Service"] {
    const { execute, executeAll, executeIn } = this
    return { execute, executeAll, executeIn }
  }
}

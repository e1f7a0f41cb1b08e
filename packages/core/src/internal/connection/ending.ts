/**
 * How a connection ends. `finish` takes no more calls and waits for the answers to the present ones; `abort` ends it now. Both
 * come to the same end: the first reason stays, watchers are told before any call fails, and then every call fails with what is
 * known of its delivery.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import { maybeExecuted, notSent, toError } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { isRefusal } from "../failures/refusals.ts"
import { failAll, Unattended } from "./call.ts"
import type { Call } from "./call.ts"
import type { Link } from "./link.ts"
import type { Outbox } from "./outbox.ts"
import { each } from "./strays.ts"

/**
 * Listens to a connection. Called synchronously, before any call fails, so that nothing more is sent to a lost connection.
 */
export interface Watcher {
  readonly onClosed: (failure: Failure) => void
  /** Called when commands are in flight and the server has said nothing for a while. */
  readonly onQuiet: () => void
  /** The connection takes no more calls, and ends once the present ones are answered. */
  readonly onFinishing?: () => void
}

export class Ending {
  isClosed = false
  /** The failure of calls that are submitted from now on; undefined while calls are taken. */
  refusal: Failure | undefined
  /** Whether the connection was lost with a command in flight that may have changed stored data. */
  lostWork = false
  /** Whether it stays open until nothing is in flight any more, be it awaited or not. */
  private isHandedOver = false
  /** Whether the handshake has logged in, so that the server should know the user. */
  hasLoggedIn = false
  private readonly link: Link
  private readonly outbox: Outbox
  private readonly watchers: Array<Watcher> = []
  private readonly death = Deferred.makeUnsafe<RedisError.RedisError>()
  /** Completes with the reason when the connection is gone. */
  readonly closed = Deferred.await(this.death)

  constructor(link: Link, outbox: Outbox) {
    this.link = link
    this.outbox = outbox
  }

  watch(watcher: Watcher): void {
    this.watchers.push(watcher)
  }

  quiet(): void {
    each(this.watchers, (watcher) => watcher.onQuiet(), this.link.report)
  }

  /** Takes no more calls, and ends the connection once its calls are answered or abandoned. */
  readonly finish = (reason: RedisError.Reason): void => {
    if (this.refusal === undefined) {
      this.refusal = notSent(reason, this.link.node)
      each(this.watchers, (watcher) => watcher.onFinishing?.(), this.link.report)
    }
    this.endIfIdle()
  }

  /**
   * Another connection takes over: this one ends once everything on it is answered, so that nothing which goes out over the other
   * one overtakes it. Returns the calls that were not written yet, oldest first.
   */
  readonly handOver = (reason: RedisError.Reason): ReadonlyArray<Call> => {
    const unsent = this.outbox.waiting.drain()
    this.isHandedOver = true
    this.finish(reason)
    return unsent
  }

  /**
   * Ends a connection that is finishing, if no awaited call is left. Abandoned calls give no notice, so this has to be polled.
   */
  readonly endIfIdle = (): void => {
    if (this.refusal === undefined || this.isClosed) return
    if (this.isHandedOver && this.link.inFlight.length > 0) return
    const isAwaited = (call: Call): boolean => call.isAwaited
    if ((this.link.inFlight.find(isAwaited) ?? this.outbox.waiting.find(isAwaited)) === undefined) {
      this.abort(this.refusal.reason)
    }
  }

  /**
   * Handles NOAUTH: the server has forgotten the login. It will not come back, so this connection takes no more calls, and the
   * next one logs in. If a user of this connection may have logged out, nothing is done.
   */
  loggedOut(command: Command.Any, { code, message }: Resp.ReplyError): void {
    if (!this.hasLoggedIn || this.link.standing.condition === "Changed") return
    if (!isRefusal(command, code, message)) return
    const problem = "the server does not know any more who has logged in on it (NOAUTH)"
    this.refusal ??= notSent(new RedisError.ConnectionLost({ problem }), this.link.node)
  }

  /** Ends the connection now. Calls that were written may have been executed; the others are safe to send elsewhere. */
  readonly abort = (reason: RedisError.Reason): void => this.die(reason, false)

  /** Fails the calls that were not sent yet, so that they can be sent elsewhere. */
  readonly giveBack = (reason: RedisError.Reason): void => {
    const { node, report } = this.link
    failAll(this.outbox.waiting, notSent(reason, node), report)
  }

  /** Ends a connection on which replies no longer match calls. Replies that were not delivered yet can't be trusted either. */
  outOfStep(problem: string): void {
    this.die(new RedisError.ProtocolViolation({ problem }), true)
  }

  private die(reason: RedisError.Reason, isOutOfStep: boolean): void {
    if (this.isClosed) return
    const { answers, inFlight, keepers, node, report, tracking } = this.link
    const failure = maybeExecuted(reason, node)
    const unsent = notSent(reason, node)
    this.isClosed = true
    this.refusal = unsent
    this.outbox.close()
    tracking?.end()
    if (keepers !== undefined) inFlight.forEach(({ command }) => keepers.wrote(command))
    this.lostWork = true
    this.guarded(() => {
      this.lostWork = inFlight.find(mayChange) !== undefined
    })
    each(this.watchers, (watcher) => watcher.onClosed(failure), report)
    if (isOutOfStep) answers.doubt(failure, report)
    failAll(inFlight, failure, report)
    failAll(this.outbox.waiting, unsent, report)
    this.guarded(() => Deferred.doneUnsafe(this.death, Effect.succeed(toError(failure, { attempts: 0 }))))
  }

  private guarded(f: () => void): void {
    try {
      f()
    } catch (error) {
      this.link.report(error)
    }
  }
}

/** The client's own calls do not count, nor do commands that go before another: they count with that one. */
const mayChange = (call: Call): boolean => !(call instanceof Unattended) && !CommandSpec.isHarmless(call.command.spec)

/**
 * How a connection ends. `finish` takes no more calls and waits for the answers to those it has; `abort` ends it now. There is
 * one way to die, whatever the reason: the first reason stays, watchers are told before any call fails, and then every call
 * fails with what is known of its delivery.
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
 * Told synchronously, before any call fails, so that nobody sends more to a connection that is gone.
 *
 * @internal
 */
export interface Watcher {
  readonly onClosed: (failure: Failure) => void
  /** Commands are in flight and the server has said nothing for a while. */
  readonly onQuiet: () => void
}

export class Ending {
  isClosed = false
  /** What a call is failed with that comes now: undefined for as long as calls are taken. */
  refusal: Failure | undefined
  /** Whether something was in flight at the end that may have changed what is stored. */
  lostWork = false
  /** Whether the handshake has logged in, so that the server should know who we are. */
  hasLoggedIn = false
  private readonly link: Link
  private readonly outbox: Outbox
  private readonly watchers: Array<Watcher> = []
  private readonly death = Deferred.makeUnsafe<RedisError.RedisError>()
  /** Completes when the connection is gone, with why. */
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

  /** Takes no more calls, and ends when nobody waits for those that it has. */
  readonly finish = (reason: RedisError.Reason): void => {
    this.refusal ??= notSent(reason, this.link.node)
    this.endIfIdle()
  }

  /** Ends a connection that takes no more calls once nobody waits for any. Who gives up waiting tells nobody, so it is asked. */
  readonly endIfIdle = (): void => {
    if (this.refusal === undefined || this.isClosed) return
    const isAwaited = (call: Call): boolean => call.isAwaited
    if ((this.link.inFlight.find(isAwaited) ?? this.outbox.waiting.find(isAwaited)) === undefined) {
      this.abort(this.refusal.reason)
    }
  }

  /**
   * The server has answered NOAUTH. A login that it has forgotten does not come back, so the connection takes no more calls and
   * the next one logs in; but a user of this connection may have logged out.
   */
  loggedOut(command: Command.Any, { code, message }: Resp.ReplyError): void {
    if (!this.hasLoggedIn || this.link.standing.condition === "Changed") return
    if (!isRefusal(command, code, message)) return
    const problem = "the server does not know any more who has logged in on it (NOAUTH)"
    this.refusal ??= notSent(new RedisError.ConnectionLost({ problem }), this.link.node)
  }

  /** Ends it now. What was written may have been executed; what was not is safe to send elsewhere. */
  readonly abort = (reason: RedisError.Reason): void => this.die(reason, false)

  /** Replies and calls do not belong together any more: answers that were not delivered yet can't be trusted either. */
  outOfStep(problem: string): void {
    this.die(new RedisError.ProtocolViolation({ problem }), true)
  }

  private die(reason: RedisError.Reason, isOutOfStep: boolean): void {
    if (this.isClosed) return
    const { answers, inFlight, node, report } = this.link
    const failure = maybeExecuted(reason, node)
    const unsent = notSent(reason, node)
    this.isClosed = true
    this.refusal = unsent
    this.outbox.close()
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

/** Calls of the client's own, and commands that go before another, are not counted: the latter with the one they go before. */
const mayChange = (call: Call): boolean => !(call instanceof Unattended) && !CommandSpec.isHarmless(call.command.spec)

/**
 * One RESP connection: the handshake, pipelining, pairing replies with commands, deadlines and liveness.
 *
 * It knows nothing of slots and follows no redirect. It owns its transport and all that is queued on it, and it dies in
 * one way only: `abort`, once, with the first reason.
 *
 * ```
 *   submit ->  waiting  -- flush, once a tick: encode all, write once -->  in flight  -- reply -->  the call's fiber
 *             [ c b a ]                                                    [ z y x ]
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as Connector from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { maybeExecuted, notSent, toError } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { isRefusal } from "../failures/refusals.ts"
import { Answers } from "./answers.ts"
import { within } from "./arrivals.ts"
import { attempt, blocks, deadlineOf, failAll, run, Unattended } from "./call.ts"
import type { Call, Outcome } from "./call.ts"
import { handshake, login, refusal } from "./handshake.ts"
import type { Greeting } from "./handshake.ts"
import { commandTimeoutMillis, defaultMaxInFlight, pingMillis } from "./options.ts"
import type { Options } from "./options.ts"
import { Pings } from "./pings.ts"
import { Ring } from "./ring.ts"
import * as Stranger from "./stranger.ts"
import { each, logging } from "./strays.ts"
import type { Report } from "./strays.ts"
import type { Subscriber } from "./subscriber.ts"
import * as Unit from "./unit.ts"
import { Watchdog } from "./watchdog.ts"

/**
 * An open connection that has shaken hands.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly address: Address
  /** What the handshake agreed on. */
  readonly protocol: 2 | 3
  /** Runs a command here and nowhere else: a redirect is the caller's to see. */
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  /** Completes when the connection is gone, with why. */
  readonly closed: Effect.Effect<RedisError.RedisError>
  readonly isClosed: () => boolean
  readonly stats: () => Stats
  /** @internal */
  readonly submit: (call: Call) => void
  /**
   * Sends the client's own PING, and tells whether it was answered in the end; or answers false, where that can't be.
   *
   * @internal
   */
  readonly ping: (onEnd?: (answered: boolean) => void) => boolean
  /** @internal */
  readonly blockedBy: () => Command.Any | undefined
  /**
   * Whether it was lost with something under way that may have changed what is stored.
   *
   * @internal
   */
  readonly lostWork: () => boolean
  /** @internal */
  readonly condition: () => Condition
  /**
   * The time up to which all that the server had sent has been read. What came last may have left while more was on its
   * way, so it is when something was read before that.
   *
   * @internal
   */
  readonly completeUntil: () => number
  /** @internal */
  readonly watch: (watcher: Watcher) => void
  /**
   * Many use it from now on, and nobody's patience is that of the others: it is given up when the server is silent for too
   * long, whatever is in flight.
   *
   * @internal
   */
  readonly share: () => void
  /** @internal */
  readonly abort: (reason: RedisError.Reason) => void
  /**
   * Takes nothing more, and ends when all that was taken is answered, or nobody waits for it.
   *
   * @internal
   */
  readonly finish: (reason: RedisError.Reason) => void
  /**
   * Looks whether it ends now: who gives up waiting tells nobody.
   *
   * @internal
   */
  readonly endIfIdle: () => void
  /**
   * What the server calls the connection; undefined where it has not said so.
   *
   * @internal
   */
  readonly id: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** Commands written and not yet answered. */
  readonly inFlight: number
  /** Commands not yet written. */
  readonly waiting: number
  readonly bytesWritten: number
  readonly bytesRead: number
}

/**
 * What commands have made of a connection: `Watching` can be undone by UNWATCH, `Changed` can't.
 *
 * @internal
 */
export type Condition = "AsNew" | "Watching" | "Changed"

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

/** Half of what the encoder has room for in one piece, so that what is written at once is mostly one. */
const writeSize = 32 * 1024

/** So many commands are not kept until the tick ends: the server can begin with them while others are still coming. */
const longQueue = 512

type State =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Open"; readonly transport: Connector.Transport }
  | { readonly _tag: "Closed"; readonly failure: Failure }

/** What a connection works with. */
interface Parts {
  readonly clock: Clock.Clock
  readonly soon: Connector.Connector["Service"]["soon"]
  readonly subscriber: Subscriber | undefined
  readonly report: Report
  /** What nobody else can know, for its tokens. */
  readonly secret: string
}

class ConnectionImpl implements Connection, Connector.Listener, Resp.Handler {
  readonly address: Address
  readonly options: Options
  readonly clock: Clock.Clock
  readonly commandTimeout: number
  readonly maxInFlight: number
  readonly death = Deferred.makeUnsafe<RedisError.RedisError>()
  readonly closed = Deferred.await(this.death)
  protocol: 2 | 3 = 3
  id: number | undefined

  private readonly soon: Connector.Connector["Service"]["soon"]
  private state: State = { _tag: "Connecting" }
  private readonly waiting = new Ring<Call>()
  private readonly inFlight = new Ring<Call>()
  private readonly answers = new Answers()
  private readonly encoder = new Resp.Encoder()
  private readonly decoder = new Resp.Decoder(this)
  private readonly watchers: Array<Watcher> = []
  private hasGreeted = false
  private readonly pings: Pings
  /** What could not be encoded. It is told when the rest has been written, since who is told goes on at once. */
  private refused: Array<{ readonly call: Call; readonly problem: string }> = []
  /** What those are told who come when it is about to end. */
  private ending: Failure | undefined
  private shared = false
  /** Whether a command is in flight that nothing may go out behind. */
  private loner = false
  private flushing = false
  private draining = false
  private made: Condition = "AsNew"
  /** Whether what is said on it is no longer one reply to each command, as behind a MULTI that stands by itself. */
  private takenOver = false
  private workLost = false
  private bytesWritten = 0
  private bytesRead = 0
  /** When something was heard the last time, and the time before. */
  private heard: number
  private heardBefore: number
  private readonly subscriber: Subscriber | undefined
  private readonly report: Report
  readonly watchdog: Watchdog

  constructor(
    address: Address,
    options: Options,
    { clock, report, secret, soon, subscriber }: Parts
  ) {
    this.address = address
    this.subscriber = subscriber
    this.soon = soon
    this.report = report
    this.options = options
    this.clock = clock
    this.heard = clock.currentTimeMillisUnsafe()
    this.heardBefore = this.heard
    this.pings = new Pings(secret, this.heard)
    this.commandTimeout = commandTimeoutMillis(options)
    this.maxInFlight = options.maxInFlight ?? defaultMaxInFlight
    this.watchdog = new Watchdog({
      node: address.key,
      clock,
      soon,
      inFlight: this.inFlight,
      waiting: this.waiting,
      commandTimeout: this.commandTimeout,
      pingInterval: pingMillis(options),
      isShared: () => this.shared,
      bytesRead: () => this.bytesRead,
      onQuiet: () => each(this.watchers, (watcher) => watcher.onQuiet(), report),
      pings: this.pings,
      ping: () => this.ping(),
      abort: this.abort,
      report
    })
  }

  open(transport: Connector.Transport): void {
    if (this.state._tag === "Connecting") this.state = { _tag: "Open", transport }
    this.flush()
  }

  /** What the handshake has made of the connection is what it begins with. */
  greeted({ id, protocol }: Greeting): void {
    this.protocol = protocol
    this.id = id
    this.hasGreeted = true
    this.made = "AsNew"
    // One question at a time was answered, and nothing came besides.
    this.pings.proved = this.bytesRead
  }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() => {
      const known = Command.orInvalid(command)
      const { commandTimeout } = this
      return run(this, known, deadlineOf(known, this.clock.currentTimeMillisUnsafe(), commandTimeout), commandTimeout)
    })

  readonly attempt = (command: Command.Any): Effect.Effect<Outcome> =>
    attempt({ submit: this.enqueue }, command, { asking: false, deadline: Infinity })

  readonly isClosed = (): boolean => this.state._tag === "Closed"

  /** The client's own PINGs are nobody's business. They wait only where there is no room. */
  readonly stats = (): Stats => {
    if (this.isClosed()) return { inFlight: 0, waiting: 0, bytesWritten: this.bytesWritten, bytesRead: this.bytesRead }
    const own = Math.min(this.pings.count, this.inFlight.length)
    return {
      inFlight: this.inFlight.length - own,
      waiting: this.waiting.length - (this.pings.count - own),
      bytesWritten: this.bytesWritten,
      bytesRead: this.bytesRead
    }
  }

  readonly share = (): void => {
    this.shared = true
  }

  readonly watch = (watcher: Watcher): void => {
    this.watchers.push(watcher)
  }

  readonly submit = (call: Call): void => {
    if (this.state._tag === "Closed") {
      return call.onFailure({ ...this.state.failure, delivery: "NotSent" })
    }
    if (this.ending !== undefined) return call.onFailure(this.ending)
    if (this.options.failWhenFull === true && this.inFlight.length + this.waiting.length >= this.maxInFlight) {
      return call.onFailure(notSent(new RedisError.Overloaded({ limit: this.maxInFlight }), this.address.key))
    }
    this.enqueue(call)
  }

  private readonly enqueue = (call: Call): void => {
    this.waiting.push(call)
    this.watchdog.notice(call)
    if (this.draining) return
    if (this.waiting.length >= longQueue && this.inFlight.length + longQueue <= this.maxInFlight) this.flush()
    else if (!this.flushing) this.flushSoon()
  }

  /** There is always room for it. On a connection that was taken over it would be answered in another way, or not at all. */
  readonly ping = (onEnd?: (answered: boolean) => void): boolean => {
    if (this.state._tag !== "Open" || this.takenOver) return false
    this.waiting.push(this.pings.make(this.clock.currentTimeMillisUnsafe(), onEnd))
    if (!this.draining && !this.flushing) this.flushSoon()
    return true
  }

  private flushSoon(): void {
    this.flushing = true
    try {
      this.soon(this.flush)
    } catch (cause) {
      this.abort(new RedisError.ConnectionLost({ problem: "the connector has thrown", cause }))
    }
  }

  /** Writes what waits. It throws nothing: who asks for it is not who has written what can't be encoded. */
  private readonly flush = (): void => {
    this.flushing = false
    if (this.state._tag !== "Open") return
    try {
      this.send(this.state.transport)
    } catch (cause) {
      this.abort(new RedisError.ConnectionLost({ problem: "writing to it failed", cause }))
    }
    if (this.refused.length > 0) this.refuse()
  }

  private send(transport: Connector.Transport): void {
    this.recycle(transport)
    while (!this.draining && this.waiting.length > 0 && this.inFlight.length < this.maxInFlight && !this.loner) {
      const { abandoned, command } = this.waiting.peek()!
      if (command.spec.stateful !== undefined && command.spec.alone && !abandoned) {
        if (this.inFlight.length > 0) break
        this.loner = true
      }
      const call = this.waiting.shift()!
      if (abandoned) continue
      const problem = Unit.write(call, this.encoder, this.inFlight)
      if (problem !== undefined) {
        this.refused.push({ call, problem })
        this.loner = false
        continue
      }
      if (command.spec.stateful !== undefined) this.note(command.spec.stateful)
      if (this.encoder.size >= writeSize) this.write(transport)
    }
    if (this.encoder.size > 0) this.write(transport)
  }

  private refuse(): void {
    const { refused } = this
    this.refused = []
    each(refused, ({ call, problem }) => {
      const reason = new RedisError.InvalidArgument({ problem })
      if (!call.abandoned) call.onFailure(notSent(reason, this.address.key))
    }, this.report)
  }

  private note(stateful: CommandSpec.Stateful): void {
    if (stateful === "TakesOver" && this.subscriber === undefined) this.takenOver = true
    if (stateful === "Changes" || stateful === "TakesOver") this.made = "Changed"
    if (stateful === "Watches" && this.made === "AsNew") this.made = "Watching"
  }

  readonly condition = (): Condition => this.made

  readonly lostWork = (): boolean => this.workLost

  readonly completeUntil = (): number => this.heardBefore

  readonly blockedBy = (): Command.Any | undefined =>
    (this.inFlight.find(({ command }) => blocks(command)) ??
      this.waiting.find(({ abandoned, command }) => !abandoned && blocks(command)))?.command

  private write(transport: Connector.Transport): void {
    this.bytesWritten += this.encoder.size
    this.draining = !transport.write(this.encoder.take())
    this.recycle(transport)
  }

  private recycle(transport: Connector.Transport): void {
    if (transport.holds?.() === false) this.encoder.reuse()
  }

  readonly onDrain = (): void => {
    this.draining = false
    if (!this.flushing) this.flush()
  }

  readonly onData = (chunk: Uint8Array): void => {
    this.bytesRead += chunk.length
    this.heardBefore = this.heard
    this.heard = this.clock.currentTimeMillisUnsafe()
    let end: RedisError.Reason | undefined
    try {
      this.decoder.push(chunk)
    } catch (cause) {
      // What is not about the bytes is a fault of ours, and some reply may have gone to nobody.
      end = cause instanceof Resp.ProtocolError
        ? new RedisError.ProtocolViolation({ problem: this.strange(chunk, cause.message) })
        : new RedisError.ConnectionLost({ problem: "reading a reply failed", cause })
    }
    this.answers.deliver(this.address.key)
    if (end !== undefined) this.abort(end)
    if (this.ending !== undefined) this.endIfIdle()
    this.answers.rethrow()
  }

  /** Who breaks the protocol in the first that it says speaks another. */
  private strange(chunk: Uint8Array, problem: string): string {
    return this.bytesRead > chunk.length
      ? problem
      : Stranger.problemOf(chunk) ?? `${problem}; check that it is the port of a Redis server`
  }

  readonly onClose = (problem: string, cause?: unknown): void => {
    this.abort(new RedisError.ConnectionLost({ problem, cause }))
  }

  wantsBytes(push: boolean): boolean {
    // In RESP2 what a subscriber is sent looks like a reply.
    if (this.subscriber !== undefined && (push || this.protocol === 2)) return this.subscriber.wantsBytes()
    return this.inFlight.peek()?.command.bytes ?? false
  }

  onReply(value: Resp.Value): void {
    if (this.state._tag === "Closed") return
    if (this.subscriber !== undefined) {
      if (this.protocol === 2 && isPushLike(value)) return this.onPush(value)
      this.shiftDone(this.subscriber, value)
    }
    const call = this.inFlight.peek()
    if (call === undefined) {
      if (!this.hasGreeted && value instanceof Resp.ReplyError) return this.abort(refusal(value.message))
      return this.outOfStep(unasked(value))
    }
    if (this.pings.count > 0 && this.pings.isAstray(call, value, this.bytesRead)) {
      return this.outOfStep("a PING was not answered in its turn: a reply was lost on the way, or one came unasked")
    }
    if (!CommandSpec.isAnsweredBy(call.command.spec, value) && !(call instanceof Unit.Prelude) && !this.takenOver) {
      return this.outOfStep(
        `${call.command.spec.name} was answered by ${
          Reply.describeReply(value)
        }: a reply was lost on the way, or one came unasked`
      )
    }
    this.inFlight.shift()
    if (this.inFlight.length === 0) this.loner = false
    if (value instanceof Resp.ReplyError && value.code === "NOAUTH") this.loggedOut(call, value)
    if (this.ending !== undefined && isSpared(value) && !(call instanceof Unattended)) {
      this.letGo(call, this.ending)
    } else {
      if (this.made === "Watching" && unwatches(call, value)) this.made = "AsNew"
      this.answers.push(call, value)
    }
    if (this.waiting.length > 0 && !this.flushing && !this.draining) this.flushSoon()
  }

  onPush(values: ReadonlyArray<Resp.Value>): void {
    if (this.isClosed()) return
    const { subscriber } = this
    if (subscriber === undefined) return this.refusePush(values[0])
    this.answers.deliver(this.address.key)
    this.guarded(() => subscriber.onPush(values, this.inFlight.peek()))
    this.shiftDone(subscriber, undefined)
    if (this.waiting.length > 0 && !this.flushing && !this.draining) this.flushSoon()
  }

  /** What begins alike and ends with text are messages, and those answer no call. */
  onPushes(begin: readonly [string, string], last: ReadonlyArray<string>): void {
    if (this.isClosed()) return
    const { subscriber } = this
    if (subscriber === undefined) return this.refusePush(begin[0])
    this.answers.deliver(this.address.key)
    this.guarded(() => subscriber.onMessages(begin, last))
  }

  /** Who is sent what only subscribers are has subscribed by accident, and the command that did it has had no reply. */
  private refusePush(what: Resp.Value | undefined): void {
    if (typeof what !== "string" || !ofSubscriptions.has(what)) return
    this.outOfStep(`a push of the kind "${what}" came, though nothing is subscribed to here`)
  }

  private guarded(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.report(error)
    }
  }

  private shiftDone(subscriber: Subscriber, reply: Resp.Value | undefined): void {
    for (let head = this.inFlight.peek(); head !== undefined && subscriber.isDone(head, reply);) {
      this.inFlight.shift()
      head = this.inFlight.peek()
    }
  }

  /** Replies and calls do not belong together any more: what has been read and not been handed on is not trusted either. */
  private outOfStep(problem: string): void {
    this.die(maybeExecuted(new RedisError.ProtocolViolation({ problem }), this.address.key), true)
  }

  /**
   * A login that the server has forgotten does not come back, unless it was undone here: the connection takes nothing more,
   * and the next one logs in.
   */
  private loggedOut({ command }: Call, { code, message }: Resp.ReplyError): void {
    const undone = this.made === "Changed" && this.subscriber === undefined
    if (!this.hasGreeted || this.options.credentials === undefined || undone) return
    if (!isRefusal(command, code, message)) return
    const problem = "the server does not know any more who has logged in on it (NOAUTH)"
    this.ending ??= notSent(new RedisError.ConnectionLost({ problem }), this.address.key)
  }

  readonly finish = (reason: RedisError.Reason): void => {
    this.ending ??= notSent(reason, this.address.key)
    this.endIfIdle()
  }

  readonly endIfIdle = (): void => {
    if (this.ending === undefined) return
    const isAwaited = (call: Call): boolean => call.isAwaited
    if ((this.inFlight.find(isAwaited) ?? this.waiting.find(isAwaited)) === undefined) this.abort(this.ending.reason)
  }

  /** Refused because the connection ends, or the other way round: nothing was executed, and it is no error of its own. */
  private letGo(call: Call, ending: Failure): void {
    this.answers.deliver(this.address.key)
    const delivery = call.unit?.astray === true ? "MaybeExecuted" : "Rejected"
    if (!call.abandoned) this.guarded(() => call.onFailure({ ...ending, delivery }))
  }

  /** The only way to die. What was written may have been executed, what was not is safe to send elsewhere. */
  readonly abort = (reason: RedisError.Reason): void => this.die(maybeExecuted(reason, this.address.key), false)

  private die(failure: Failure, isOutOfStep: boolean): void {
    if (this.state._tag === "Closed") return
    this.state = { _tag: "Closed", failure }
    this.workLost = true
    this.guarded(() => {
      this.workLost = this.inFlight.find(changes) !== undefined
    })
    each(this.watchers, (watcher) => watcher.onClosed(failure), this.report)
    if (isOutOfStep) this.answers.doubt(failure, this.report)
    failAll(this.inFlight, failure, this.report)
    failAll(this.waiting, { ...failure, delivery: "NotSent" }, this.report)
    this.guarded(() => Deferred.doneUnsafe(this.death, Effect.succeed(toError(failure, { attempts: 0 }))))
  }
}

const unasked = (value: Resp.Value): string =>
  // A server that turns clients away, because it has too many, says so unasked.
  value instanceof Resp.ReplyError
    ? `unasked, it said ${JSON.stringify(value.message)}`
    : "a reply came that nobody had asked for"

/** What only those are sent who subscribe, or whose subscriptions end. Other pushes, such as `invalidate`, need none. */
const ofSubscriptions: ReadonlySet<string> = new Set(
  ["", "p", "s"].flatMap((kind) => [`${kind}message`, `${kind}subscribe`, `${kind}unsubscribe`])
)

/** The pushes of RESP2 are arrays that begin with what they are; nothing else on such a connection is answered by one. */
const isPushLike = (value: Resp.Value): value is ReadonlyArray<Resp.Value> => Array.isArray(value) && value.length >= 3

/** What is told to those who block, and to those whom the server does not know any more. */
const isSpared = (value: Resp.Value): boolean =>
  value instanceof Resp.ReplyError && (value.code === "UNBLOCKED" || value.code === "NOAUTH")

/** What nobody waits for is no work. What goes before another call is counted with that one. */
const changes = (call: Call): boolean => !(call instanceof Unattended) && !CommandSpec.isHarmless(call.command.spec)

/** UNWATCH, and EXEC whatever comes of it, unless there was no MULTI before it. */
const unwatches = ({ command }: Call, value: Resp.Value): boolean =>
  value instanceof Resp.ReplyError
    ? command.before.length > 0 && value.code !== "ERR"
    : command.before.length > 0 || command.spec.stateful === "Unwatches"

/**
 * The same, with somebody who is told of pushes.
 *
 * @internal
 */
export const connect = Effect.fnUntraced(function*(
  address: Address,
  options: Options = {},
  subscriber?: Subscriber
): Effect.fn.Return<Connection, RedisError.RedisError, Scope.Scope | Connector.Connector> {
  const connector = yield* Connector.Connector
  const connection = new ConnectionImpl(address, options, {
    clock: yield* Clock.Clock,
    soon: connector.soon,
    subscriber,
    report: logging(Effect.runForkWith(yield* Effect.context<never>())),
    secret: (yield* Random.nextInt).toString(36)
  })
  const { connectTimeout = "5 seconds", credentials } = options
  let late = "the node did not answer"
  const open = Effect.gen(function*() {
    connection.open(yield* connector.open(address, connection))
    late = "the effect that yields the password did not end"
    const whoIs = credentials === undefined ? undefined : yield* login(credentials)
    late =
      "the node let us connect and did not answer our greeting (check that it is the port of a Redis server, and " +
      "whether it wants TLS)"
    connection.greeted(yield* handshake(connection.attempt, options, whoIs))
  })
  const failed = (problem: string, cause?: unknown) =>
    Effect.fail(toError(
      notSent(
        new RedisError.ConnectionFailed(cause === undefined ? { problem } : { problem, cause }),
        address.key
      ),
      { attempts: 0 }
    ))
  yield* Effect.addFinalizer(() => Effect.sync(() => connection.abort(new RedisError.Closed())))
  // A Connector is somebody else's, and whatever becomes of it can be tried again.
  const opened = Effect.catchCause(open, (cause) => {
    const error = Cause.squash(cause)
    if (RedisError.isRedisError(error)) return Effect.fail(error)
    const how = Cause.hasInterruptsOnly(cause)
      ? "was interrupted"
      : Cause.hasDies(cause)
      ? "died of a defect"
      : "failed"
    return failed(`connecting ${how}`, error)
  })
  yield* within(opened, {
    duration: connectTimeout,
    soon: connector.soon,
    orElse: () => failed(`${late} within ${Duration.format(Duration.fromInputUnsafe(connectTimeout))} (connectTimeout)`)
  })
  yield* Effect.forkScoped(connection.watchdog.sweep)
  yield* Effect.forkScoped(connection.watchdog.alarm)
  return connection
})

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
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Address } from "./Address.ts"
import * as Command from "./Command.ts"
import * as CommandSpec from "./CommandSpec.ts"
import * as Connector from "./Connector.ts"
import { Answers } from "./internal/answers.ts"
import { attempt, blocks, Call, deadlineOf, run } from "./internal/call.ts"
import type { Outcome } from "./internal/call.ts"
import { CallQueue } from "./internal/callQueue.ts"
import { maybeExecuted, notSent, rejected, toError } from "./internal/failure.ts"
import type { Failure, Unit } from "./internal/failure.ts"
import { handshake, login, refusal } from "./internal/handshake.ts"
import * as Reply from "./internal/reply.ts"
import { encodeText } from "./internal/respText.ts"
import * as Stranger from "./internal/stranger.ts"
import type { Subscriber } from "./internal/subscriber.ts"
import { Watchdog } from "./internal/watchdog.ts"
import * as RedisError from "./RedisError.ts"
import * as Resp from "./Resp.ts"

/**
 * Who to authenticate as. An Effect in place of the password is run for every connection anew, so that tokens can
 * rotate. Without `username` it is the server's `default` user.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Credentials {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown>
}

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly credentials?: Credentials | undefined
  /** The name that CLIENT LIST shows. */
  readonly clientName?: string | undefined
  /** Declares by READONLY that reads may be served by a replica. Default false. */
  readonly readOnly?: boolean | undefined
  /** How long opening and the handshake may take together. Default 5 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long a command may take that is run by {@link Connection.execute}. Default 30 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** After this long without a byte from the server it is sent a PING, after as long again it is given up. Default 5 seconds. */
  readonly pingInterval?: Duration.Input | undefined
  /** How many commands may be on the wire without a reply. More wait. Default 16384. */
  readonly maxInFlight?: number | undefined
  /** Whether commands beyond `maxInFlight` fail with `Overloaded` instead of waiting for room. Default false. */
  readonly failWhenFull?: boolean | undefined
}

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
  /** @internal */
  readonly abort: (reason: RedisError.Reason) => void
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

/** @internal */
export const defaultMaxInFlight = 16384

/** @internal */
export const commandTimeoutMillis = (options: Options): number =>
  Duration.toMillis(Duration.fromInputUnsafe(options.commandTimeout ?? "30 seconds"))

const maxPayload = Resp.defaultLimits.maxBulkLength
/** A character of text takes up to three bytes; only what may be too long is measured. */
const tooLong = (args: ReadonlyArray<Command.Arg>): boolean => {
  for (const arg of args) {
    const long = typeof arg === "string"
      ? arg.length > maxPayload / 3 && encodeText(arg).length > maxPayload
      : arg.length > maxPayload
    if (long) return true
  }
  return false
}

/** Half of what the encoder has room for in one piece, so that what is written at once is mostly one. */
const writeSize = 32 * 1024

/** So many commands are not kept until the tick ends: the server can begin with them while others are still coming. */
const longQueue = 512

const ASKING = CommandSpec.get("ASKING")
const PING = CommandSpec.get("PING")

/** A call that nobody waits for. */
class Unattended extends Call {
  override onReply(): void {}
  override onFailure(): void {}
}

/** The reply to a command that goes before another, as one unit with it. */
class Prelude extends Call {
  private readonly of: Unit
  private readonly opens: boolean

  constructor(command: Command.Any, of: Unit, opens: boolean) {
    super(command, false, Infinity)
    this.of = of
    this.opens = opens
  }

  override onReply(value: Resp.Value, node: string): void {
    const { command, of } = this
    const refusal = value instanceof Resp.ReplyError ? rejected(value, node, { command }) : undefined
    if (value instanceof Resp.ReplyError) of.refused ??= value
    if (this.opens) of.unopened = refusal !== undefined
    else if (of.unopened && !command.spec.readOnly && refusal?.delivery !== "Rejected") of.astray = true
  }

  override onFailure(): void {}
}

const unattended = (spec: CommandSpec.CommandSpec): Call =>
  new Unattended(Command.make(spec, [], Reply.raw), false, Infinity)

type State =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Open"; readonly transport: Connector.Transport }
  | { readonly _tag: "Closed"; readonly failure: Failure }

class ConnectionImpl implements Connection, Connector.Listener, Resp.Handler {
  readonly address: Address
  readonly options: Options
  readonly clock: Clock.Clock
  readonly commandTimeout: number
  readonly maxInFlight: number
  readonly death = Deferred.makeUnsafe<RedisError.RedisError>()
  readonly closed = Deferred.await(this.death)
  protocol: 2 | 3 = 3

  private readonly soon: Connector.Connector["Service"]["soon"]
  private state: State = { _tag: "Connecting" }
  private readonly waiting = new CallQueue()
  private readonly inFlight = new CallQueue()
  private readonly answers = new Answers()
  private readonly encoder = new Resp.Encoder()
  private readonly decoder = new Resp.Decoder(this)
  private readonly watchers: Array<Watcher> = []
  private hasGreeted = false
  private flushing = false
  private draining = false
  private made: Condition = "AsNew"
  private workLost = false
  private bytesWritten = 0
  private bytesRead = 0
  /** When something was heard the last time, and the time before. */
  private heard: number
  private heardBefore: number
  private readonly subscriber: Subscriber | undefined
  readonly watchdog: Watchdog

  constructor(
    address: Address,
    options: Options,
    clock: Clock.Clock,
    soon: Connector.Connector["Service"]["soon"],
    subscriber: Subscriber | undefined
  ) {
    this.address = address
    this.subscriber = subscriber
    this.soon = soon
    this.options = options
    this.clock = clock
    this.heard = clock.currentTimeMillisUnsafe()
    this.heardBefore = this.heard
    this.commandTimeout = commandTimeoutMillis(options)
    this.maxInFlight = options.maxInFlight ?? defaultMaxInFlight
    this.watchdog = new Watchdog({
      node: address.key,
      clock,
      inFlight: this.inFlight,
      waiting: this.waiting,
      commandTimeout: this.commandTimeout,
      pingInterval: Duration.toMillis(Duration.fromInputUnsafe(options.pingInterval ?? "5 seconds")),
      bytesRead: () => this.bytesRead,
      onQuiet: () => {
        for (const watcher of this.watchers) watcher.onQuiet()
      },
      ping: () => this.submit(unattended(PING)),
      abort: this.abort
    })
  }

  open(transport: Connector.Transport): void {
    if (this.state._tag === "Connecting") this.state = { _tag: "Open", transport }
    this.flush()
  }

  /** What the handshake has made of the connection is what it begins with. */
  greeted(protocol: 2 | 3): void {
    this.protocol = protocol
    this.hasGreeted = true
    this.made = "AsNew"
  }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() =>
      run(this, command, deadlineOf(command, this.clock.currentTimeMillisUnsafe(), this.commandTimeout))
    )

  readonly attempt = (command: Command.Any): Effect.Effect<Outcome> =>
    attempt(this, command, { asking: false, deadline: Infinity })

  readonly isClosed = (): boolean => this.state._tag === "Closed"

  readonly stats = (): Stats => ({
    inFlight: this.inFlight.length,
    waiting: this.waiting.length,
    bytesWritten: this.bytesWritten,
    bytesRead: this.bytesRead
  })

  readonly watch = (watcher: Watcher): void => {
    this.watchers.push(watcher)
  }

  readonly submit = (call: Call): void => {
    if (this.state._tag === "Closed") {
      return call.onFailure({ ...this.state.failure, delivery: "NotSent" })
    }
    if (this.options.failWhenFull === true && this.inFlight.length + this.waiting.length >= this.maxInFlight) {
      return call.onFailure(notSent(new RedisError.Overloaded({ limit: this.maxInFlight }), this.address.key))
    }
    this.waiting.push(call)
    this.watchdog.notice(call)
    if (this.draining) return
    if (this.waiting.length >= longQueue && this.inFlight.length + longQueue <= this.maxInFlight) this.flush()
    else if (!this.flushing) this.flushSoon()
  }

  private flushSoon(): void {
    this.flushing = true
    this.soon(this.flush)
  }

  private readonly flush = (): void => {
    this.flushing = false
    if (this.state._tag !== "Open") return
    const { transport } = this.state
    this.recycle(transport)
    while (!this.draining && this.waiting.length > 0 && this.inFlight.length < this.maxInFlight) {
      const call = this.waiting.shift()!
      if (call.abandoned || !this.fits(call)) continue
      if (call.asking) {
        this.encoder.command(ASKING.head, [])
        this.inFlight.push(unattended(ASKING))
      }
      if (call.command.before.length > 0) this.lead(call)
      if (call.command.spec.stateful !== undefined) this.note(call.command.spec.stateful)
      this.encoder.command(call.command.spec.head, call.command.args)
      this.inFlight.push(call)
      if (this.encoder.size >= writeSize) this.write(transport)
    }
    if (this.encoder.size > 0) this.write(transport)
  }

  /** Encodes what goes before a call. Nothing can come between, since the queue is one and the unit enters it at once. */
  private lead(call: Call): void {
    const unit: Unit = { refused: undefined, unopened: false, astray: false }
    call.unit = unit
    for (const command of call.command.before) {
      this.encoder.command(command.spec.head, command.args)
      this.inFlight.push(new Prelude(command, unit, command === call.command.before[0]))
    }
  }

  private note(stateful: CommandSpec.Stateful): void {
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

  private fits(call: Call): boolean {
    const { command } = call
    if (!tooLong(command.args) && !command.before.some(({ args }) => tooLong(args))) return true
    const problem = `${command.spec.name}: an argument is longer than the 512 MiB that Redis takes`
    call.onFailure(notSent(new RedisError.InvalidArgument({ problem }), this.address.key))
    return false
  }

  readonly onDrain = (): void => {
    this.draining = false
    if (!this.flushing) this.flush()
  }

  readonly onData = (chunk: Uint8Array): void => {
    this.bytesRead += chunk.length
    this.heardBefore = this.heard
    this.heard = this.clock.currentTimeMillisUnsafe()
    let broken: Resp.ProtocolError | undefined
    try {
      this.decoder.push(chunk)
    } catch (problem) {
      if (!(problem instanceof Resp.ProtocolError)) throw problem
      broken = problem
    } finally {
      this.answers.deliver(this.address.key)
      if (broken !== undefined) {
        const stranger = this.bytesRead === chunk.length ? Stranger.problemOf(chunk) : undefined
        this.abort(new RedisError.ProtocolViolation({ problem: stranger ?? broken.message }))
      }
    }
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
    const call = this.inFlight.shift()
    if (call === undefined) {
      // A server that turns clients away, because it has too many, says so unasked.
      if (!this.hasGreeted && value instanceof Resp.ReplyError) return this.abort(refusal(value.message))
      const problem = value instanceof Resp.ReplyError
        ? `unasked, it said ${JSON.stringify(value.message)}`
        : "a reply came that nobody had asked for"
      return this.abort(new RedisError.ProtocolViolation({ problem }))
    }
    if (this.made === "Watching" && unwatches(call, value)) this.made = "AsNew"
    this.answers.push(call, value)
    if (this.waiting.length > 0 && !this.flushing && !this.draining) this.flushSoon()
  }

  onPush(values: ReadonlyArray<Resp.Value>): void {
    this.answers.deliver(this.address.key)
    if (this.subscriber === undefined || this.isClosed()) return
    this.subscriber.onPush(values, this.inFlight.peek())
    this.shiftDone(this.subscriber, undefined)
    if (this.waiting.length > 0 && !this.flushing && !this.draining) this.flushSoon()
  }

  /** What begins alike and ends with text are messages, and those answer no call. */
  onPushes(begin: readonly [string, string], last: ReadonlyArray<string>): void {
    this.answers.deliver(this.address.key)
    if (this.subscriber === undefined || this.isClosed()) return
    this.subscriber.onMessages(begin, last)
  }

  private shiftDone(subscriber: Subscriber, reply: Resp.Value | undefined): void {
    for (let head = this.inFlight.peek(); head !== undefined && subscriber.isDone(head, reply);) {
      this.inFlight.shift()
      head = this.inFlight.peek()
    }
  }

  /** The only way to die. What was written may have been executed, what was not is safe to send elsewhere. */
  readonly abort = (reason: RedisError.Reason): void => {
    if (this.state._tag === "Closed") return
    const failure = maybeExecuted(reason, this.address.key)
    this.state = { _tag: "Closed", failure }
    this.workLost = this.inFlight.find(changes) !== undefined
    for (const watcher of this.watchers) watcher.onClosed(failure)
    for (const call of this.inFlight.drain()) if (!call.abandoned) call.onFailure(failure)
    for (const call of this.waiting.drain()) {
      if (!call.abandoned) call.onFailure({ ...failure, delivery: "NotSent" })
    }
    Deferred.doneUnsafe(this.death, Effect.succeed(toError(failure, { attempts: 0 })))
  }
}

/** The pushes of RESP2 are arrays that begin with what they are; nothing else on such a connection is answered by one. */
const isPushLike = (value: Resp.Value): value is ReadonlyArray<Resp.Value> => Array.isArray(value) && value.length >= 3

const changes = (call: Call): boolean => !(call instanceof Unattended) && !CommandSpec.isHarmless(call.command.spec)

/** UNWATCH, and EXEC whatever comes of it, unless there was no MULTI before it. */
const unwatches = ({ command }: Call, value: Resp.Value): boolean =>
  value instanceof Resp.ReplyError
    ? command.before.length > 0 && value.code !== "ERR"
    : command.before.length > 0 || command.spec.stateful === "Unwatches"

/**
 * Opens a connection and shakes hands: HELLO 3 (falling back to RESP2 on servers that don't know it), authentication,
 * the client's name, and READONLY when asked for. Closing the scope closes it; what is on it then fails with `Closed`.
 *
 * **Example** (A command on one node)
 *
 * ```ts
 * import { Address, Connection, Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const ping = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* Connection.make(Address.tcp("127.0.0.1", 7000))
 *   return yield* connection.execute(Redis.ping())
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  address: Address,
  options?: Options
): Effect.Effect<Connection, RedisError.RedisError, Scope.Scope | Connector.Connector> => connect(address, options)

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
  const connection = new ConnectionImpl(address, options, yield* Clock.Clock, connector.soon, subscriber)
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
  yield* Effect.timeoutOrElse(Effect.catchDefect(open, (cause) => failed("connecting died of a defect", cause)), {
    duration: connectTimeout,
    orElse: () => failed(`${late} within ${Duration.format(Duration.fromInputUnsafe(connectTimeout))} (connectTimeout)`)
  })
  yield* Effect.forkScoped(connection.watchdog.sweep)
  yield* Effect.forkScoped(connection.watchdog.alarm)
  return connection
})

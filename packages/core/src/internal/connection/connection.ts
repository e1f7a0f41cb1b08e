/**
 * One RESP connection: pipelining, pairing replies with commands, deadlines and liveness.
 *
 * It knows nothing of slots and follows no redirects. It owns its transport and all calls that are on it. Its parts:
 *
 * ```
 *   submit -->  outbox: waiting  -- flush, once a tick -->  in flight  -- replies -->  answers  -->  the call's fiber
 *                                                              |
 *                                    ending, watchdog ---------'
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Address } from "../../Address.ts"
import * as Command from "../../Command.ts"
import type * as Connector from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { notSent } from "../failures/failure.ts"
import { Answers } from "./answers.ts"
import { attempt, blocks, deadlineOf, run } from "./call.ts"
import type { Call, Outcome } from "./call.ts"
import type { Login } from "./credentials.ts"
import { Ending } from "./ending.ts"
import type { Watcher } from "./ending.ts"
import { auth } from "./handshake.ts"
import type { Greeting } from "./handshake.ts"
import type { Keepers } from "./keepers.ts"
import type { Link } from "./link.ts"
import { commandTimeoutMillis, defaultMaxInFlight, pingMillis } from "./options.ts"
import type { Options } from "./options.ts"
import { Outbox } from "./outbox.ts"
import { Pings } from "./pings.ts"
import { Pushes } from "./pushes.ts"
import type { PushListener } from "./pushes.ts"
import type { Relief } from "./relief.ts"
import { Replies } from "./replies.ts"
import { Ring } from "./ring.ts"
import { Standing } from "./standing.ts"
import type { Condition } from "./standing.ts"
import type { Tracking } from "./tracking.ts"
import { Watchdog } from "./watchdog.ts"

/**
 * An open connection whose handshake is done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly address: Address
  /** The protocol that the handshake agreed on. */
  readonly protocol: 2 | 3
  /** Runs a command on this connection. Redirects are not followed, but returned as errors. */
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  /** Completes with the reason when the connection is gone. */
  readonly closed: Effect.Effect<RedisError.RedisError>
  readonly isClosed: () => boolean
  readonly stats: () => Stats
  /** @internal */
  readonly submit: (call: Call) => void
  /**
   * Sends the client's own PING. `onEnd` is told whether it was answered. Returns false if no PING can be sent on this
   * connection.
   *
   * @internal
   */
  readonly ping: (onEnd?: (answered: boolean) => void) => boolean
  /**
   * A blocking command in flight on this connection, if there is one.
   *
   * @internal
   */
  readonly blockedBy: () => Command.Any | undefined
  /**
   * Whether the connection was lost with a command under way that may have changed stored data.
   *
   * @internal
   */
  readonly lostWork: () => boolean
  /** @internal */
  readonly condition: () => Condition
  /**
   * The time up to which everything that the server sent has been read. It is the time of the read before the last one, since
   * more may have been on its way when the server sent the last bytes.
   *
   * @internal
   */
  readonly completeUntil: () => number
  /** @internal */
  readonly watch: (watcher: Watcher) => void
  /**
   * Marks the connection as shared by many users. It is then given up when the server is silent for too long, whatever is in
   * flight, because one user's slow command must not hold up the others.
   *
   * @internal
   */
  readonly share: () => void
  /** @internal */
  readonly abort: (reason: RedisError.Reason) => void
  /**
   * Takes no more calls, and ends once its calls are answered or abandoned.
   *
   * @internal
   */
  readonly finish: (reason: RedisError.Reason) => void
  /**
   * Fails the calls that were not sent yet, with the reason.
   *
   * @internal
   */
  readonly giveBack: (reason: RedisError.Reason) => void
  /**
   * Takes no more calls, and ends once everything that was written is answered. Returns the calls that were not written yet.
   *
   * @internal
   */
  readonly handOver: (reason: RedisError.Reason) => ReadonlyArray<Call>
  /**
   * Takes out the calls that were not written yet and fit, oldest first.
   *
   * @internal
   */
  readonly withdraw: (fits: (call: Call) => boolean) => ReadonlyArray<Call>
  /**
   * Ends the connection if it is finishing and no awaited call is left. Abandoned calls give no notice, so this has to be
   * polled.
   *
   * @internal
   */
  readonly endIfIdle: () => void
  /**
   * The server's id of the connection; undefined if the server has not told it.
   *
   * @internal
   */
  readonly id: number | undefined
  /**
   * The availability zone that the server told in its greeting.
   *
   * @internal
   */
  readonly zone: string | undefined
  /**
   * The IP address that it leads to; undefined if the transport does not tell it.
   *
   * @internal
   */
  readonly remote: string | undefined
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

/** What a connection takes from its surroundings, beside its options. */
export interface Surroundings extends Pick<Link, "clock" | "soon" | "report"> {
  readonly listeners: ReadonlyArray<PushListener>
  /** A random text that only this client knows, for the tokens of PINGs. */
  readonly secret: string
  /** More time for this and other connections of the node, while the server does what it has announced. */
  readonly relief?: Relief | undefined
  readonly keepers?: Keepers | undefined
  readonly tracking?: Tracking | undefined
}

export class ConnectionImpl implements Connection, Connector.Listener {
  readonly address: Address
  readonly closed: Effect.Effect<RedisError.RedisError>
  readonly watchdog: Watchdog
  readonly onDrain: () => void
  readonly finish: (reason: RedisError.Reason) => void
  readonly giveBack: (reason: RedisError.Reason) => void
  readonly handOver: (reason: RedisError.Reason) => ReadonlyArray<Call>
  readonly endIfIdle: () => void
  readonly abort: (reason: RedisError.Reason) => void
  remote: string | undefined = undefined
  id: number | undefined
  zone: string | undefined
  private readonly options: Options
  private readonly commandTimeout: number
  private readonly maxInFlight: number
  private readonly failWhenFull: boolean
  private readonly link: Link
  private readonly inFlight: Ring<Call>
  private readonly outbox: Outbox
  private readonly ending: Ending
  private readonly replies: Replies
  private readonly decoder: Resp.Decoder
  private shared = false
  readonly subscribes: boolean

  constructor(address: Address, options: Options, surroundings: Surroundings) {
    const { clock, keepers, relief, report, secret, soon, tracking } = surroundings
    const listeners: ReadonlyArray<PushListener> = tracking === undefined
      ? surroundings.listeners
      : [...surroundings.listeners, tracking]
    this.address = address
    this.options = options
    this.commandTimeout = commandTimeoutMillis(options)
    this.maxInFlight = options.maxInFlight ?? defaultMaxInFlight
    this.failWhenFull = options.failWhenFull === true
    this.subscribes = listeners.some(({ inResp2 }) => inResp2 === true)
    const node = address.key
    const inFlight = new Ring<Call>()
    const pings = new Pings(secret, clock.currentTimeMillisUnsafe())
    const link = {
      node,
      clock,
      soon,
      report,
      inFlight,
      pings,
      answers: new Answers(),
      standing: new Standing(),
      own: { count: 0 },
      keepers,
      tracking
    }
    const subscribes = listeners.some(({ isNews }) => isNews !== true)
    const outbox = new Outbox(link, this.maxInFlight, subscribes, (reason) => this.ending.abort(reason))
    const ending = new Ending(link, outbox)
    const replies = new Replies(link, outbox, ending)
    const pushes = listeners.length === 0 ? undefined : new Pushes(listeners, link, outbox, ending, replies)
    if (!subscribes) replies.news = pushes
    const handler = subscribes ? pushes! : replies
    this.link = link
    this.inFlight = inFlight
    this.outbox = outbox
    this.ending = ending
    this.replies = replies
    this.decoder = new Resp.Decoder(handler, options.replyLimits)
    this.closed = ending.closed
    this.onDrain = outbox.onDrain
    this.finish = ending.finish
    this.giveBack = ending.giveBack
    this.handOver = ending.handOver
    this.endIfIdle = ending.endIfIdle
    this.abort = ending.abort
    this.watchdog = new Watchdog({
      node,
      clock,
      soon,
      inFlight,
      waiting: outbox.waiting,
      commandTimeout: this.commandTimeout,
      pingInterval: pingMillis(options),
      isShared: () => this.shared,
      bytesRead: () => replies.bytesRead,
      isReplying: () => this.decoder.isInReply,
      subscribes,
      onQuiet: () => ending.quiet(),
      pings,
      relief,
      keepers,
      ping: () => this.ping(),
      abort: ending.abort,
      report
    })
  }

  /** Starts writing to the transport, unless it was lost in the meantime. */
  open(transport: Connector.Transport, remote?: string): void {
    if (this.ending.isClosed) return
    this.remote = remote
    this.outbox.open(transport)
  }

  /** Ends the handshake. Every user finds the connection in the state in which the handshake left it. */
  greeted({ id, protocol, zone }: Greeting): void {
    this.id = id
    this.zone = zone
    this.replies.protocol = protocol
    this.replies.hasGreeted = true
    this.link.tracking?.greeted(protocol)
    this.ending.hasLoggedIn = this.options.credentials !== undefined
    this.link.standing.condition = "AsNew"
    this.link.standing.hasOwnUser = false
    // During the handshake every reply was awaited, and no other came, so replies and calls are in step up to here.
    this.link.pings.proved = this.replies.bytesRead
  }

  get protocol(): 2 | 3 {
    return this.replies.protocol
  }

  readonly execute = <A>(command: Command.Command<A>): Effect.Effect<A, RedisError.RedisError> =>
    Effect.suspend(() => {
      const known = Command.orInvalid(command)
      const { commandTimeout } = this
      const now = this.link.clock.currentTimeMillisUnsafe()
      return run(this, known, deadlineOf(known, now, commandTimeout), commandTimeout)
    })

  /** Runs one command of the handshake. Nobody else uses the connection yet, so its limits do not apply. */
  readonly attempt = (command: Command.Any): Effect.Effect<Outcome> =>
    attempt({ submit: this.greet }, command, { asking: false, deadline: Infinity })

  /** A subscriber in RESP2 may say nothing but what concerns its subscriptions. */
  readonly mayLogIn = (): boolean => !this.link.standing.isUsers && !(this.subscribes && this.protocol === 2)

  /** Logs in again, at the place where nothing else is in flight. */
  readonly logIn = (login: Login, deadline: number): Effect.Effect<Outcome> =>
    attempt(this, auth(login, this.protocol), { asking: false, deadline, isOwn: true })

  /** The server may hang up before it is greeted, while the client waits for the password. */
  private readonly greet = (call: Call): void => {
    if (this.ending.isClosed && this.ending.refusal !== undefined) call.onFailure(this.ending.refusal)
    else this.enqueue(call)
  }

  readonly submit = (call: Call): void => {
    if (this.ending.refusal !== undefined) return call.onFailure(this.ending.refusal)
    if (this.failWhenFull) {
      if (call.isOwn) this.link.own.count++
      else if (!call.hasRoomAt(this.address.key) && this.isFull()) {
        return call.onFailure(notSent(new RedisError.Overloaded({ limit: this.maxInFlight }), this.address.key))
      }
    }
    this.enqueue(call)
  }

  /** The client's own calls take no room from its callers. */
  private isFull(): boolean {
    return this.inFlight.length + this.outbox.waiting.length - this.link.own.count >= this.maxInFlight
  }

  private readonly enqueue = (call: Call): void => {
    this.outbox.push(call)
    // After the push, because a watchdog that wakes looks at the queue at once.
    this.watchdog.notice(call)
  }

  /**
   * A PING always has room, whatever the limits. None is sent on a connection that a command has taken over (MONITOR), where it
   * would be answered differently or not at all.
   */
  readonly ping = (onEnd?: (answered: boolean) => void): boolean => {
    if (!this.outbox.isOpen || this.link.standing.takenOver) return false
    if (this.failWhenFull) this.link.own.count++
    this.outbox.push(this.link.pings.make(this.link.clock.currentTimeMillisUnsafe(), onEnd))
    return true
  }

  readonly onData = (chunk: Uint8Array): void => this.replies.read(this.decoder, chunk)

  readonly onClose = (problem: string, cause?: unknown): void => {
    this.abort(new RedisError.ConnectionLost({ problem, cause }))
  }

  readonly isClosed = (): boolean => this.ending.isClosed

  /** Excludes the client's own PINGs. They are in flight, or wait if there was no room. */
  readonly stats = (): Stats => {
    const { bytesWritten, waiting } = this.outbox
    const { bytesRead } = this.replies
    if (this.isClosed()) return { inFlight: 0, waiting: 0, bytesWritten, bytesRead }
    const { inFlight, link: { pings } } = this
    const own = Math.min(pings.count, inFlight.length)
    return {
      inFlight: inFlight.length - own,
      waiting: waiting.length - (pings.count - own),
      bytesWritten,
      bytesRead
    }
  }

  readonly withdraw = (fits: (call: Call) => boolean): ReadonlyArray<Call> => this.outbox.waiting.take(fits)

  readonly share = (): void => {
    this.shared = true
  }

  readonly watch = (watcher: Watcher): void => this.ending.watch(watcher)

  readonly condition = (): Condition => this.link.standing.condition

  readonly lostWork = (): boolean => this.ending.lostWork

  readonly completeUntil = (): number => this.replies.heardBefore

  readonly blockedBy = (): Command.Any | undefined =>
    (this.inFlight.find(({ command }) => blocks(command)) ??
      this.outbox.waiting.find(({ abandoned, command }) => !abandoned && blocks(command)))?.command
}

/**
 * One RESP connection: pipelining, pairing replies with commands, deadlines and liveness.
 *
 * It knows nothing of slots and follows no redirect. It owns its transport and all calls that are on it. What it is made of:
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
import { Ending } from "./ending.ts"
import type { Watcher } from "./ending.ts"
import type { Greeting } from "./handshake.ts"
import type { Link } from "./link.ts"
import { commandTimeoutMillis, defaultMaxInFlight, pingMillis } from "./options.ts"
import type { Options } from "./options.ts"
import { Outbox } from "./outbox.ts"
import { Pings } from "./pings.ts"
import { Pushes } from "./pushes.ts"
import type { PushListener } from "./pushes.ts"
import { Replies } from "./replies.ts"
import { Ring } from "./ring.ts"
import { Standing } from "./standing.ts"
import type { Condition } from "./standing.ts"
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
  /**
   * A command on it that blocks, if there is one.
   *
   * @internal
   */
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
   * Takes no more calls, and ends when those that it has are answered, or nobody waits for them.
   *
   * @internal
   */
  readonly finish: (reason: RedisError.Reason) => void
  /**
   * Looks whether it can end now: whoever gives up waiting tells nobody.
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

/** What a connection takes from its surroundings, beside its options. */
export interface Surroundings extends Pick<Link, "clock" | "soon" | "report"> {
  readonly listeners: ReadonlyArray<PushListener>
  /** Something that nobody else can know, for the tokens of PINGs. */
  readonly secret: string
}

export class ConnectionImpl implements Connection, Connector.Listener {
  readonly address: Address
  readonly closed: Connection["closed"]
  readonly watchdog: Watchdog
  readonly onDrain: () => void
  readonly finish: Connection["finish"]
  readonly endIfIdle: Connection["endIfIdle"]
  readonly abort: Connection["abort"]
  id: number | undefined
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

  constructor(address: Address, options: Options, { clock, listeners, report, secret, soon }: Surroundings) {
    this.address = address
    this.options = options
    this.commandTimeout = commandTimeoutMillis(options)
    this.maxInFlight = options.maxInFlight ?? defaultMaxInFlight
    this.failWhenFull = options.failWhenFull === true
    const node = address.key
    const inFlight = new Ring<Call>()
    const pings = new Pings(secret, clock.currentTimeMillisUnsafe())
    const link = { node, clock, soon, report, inFlight, pings, answers: new Answers(), standing: new Standing() }
    const outbox = new Outbox(link, this.maxInFlight, (reason) => this.ending.abort(reason))
    const ending = new Ending(link, outbox)
    const replies = new Replies(link, outbox, ending)
    const handler = listeners.length === 0 ? replies : new Pushes(listeners, link, outbox, ending, replies)
    this.link = link
    this.inFlight = inFlight
    this.outbox = outbox
    this.ending = ending
    this.replies = replies
    this.decoder = new Resp.Decoder(handler)
    this.closed = ending.closed
    this.onDrain = outbox.onDrain
    this.finish = ending.finish
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
      onQuiet: () => ending.quiet(),
      pings,
      ping: () => this.ping(),
      abort: ending.abort,
      report
    })
  }

  /** There is a transport. It may be lost already. */
  open(transport: Connector.Transport): void {
    if (!this.ending.isClosed) this.outbox.open(transport)
  }

  /** The handshake is over. The state that it has made of the connection is the one that every user of it begins with. */
  greeted({ id, protocol }: Greeting): void {
    this.id = id
    this.replies.protocol = protocol
    this.replies.hasGreeted = true
    this.ending.hasLoggedIn = this.options.credentials !== undefined
    this.link.standing.condition = "AsNew"
    // Each of its replies was awaited, and none came besides.
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

  /** One command of the handshake. The connection is no one else's yet, so that limits do not count. */
  readonly attempt = (command: Command.Any): Effect.Effect<Outcome> =>
    attempt({ submit: this.enqueue }, command, { asking: false, deadline: Infinity })

  readonly submit = (call: Call): void => {
    if (this.ending.refusal !== undefined) return call.onFailure(this.ending.refusal)
    if (this.failWhenFull && this.inFlight.length + this.outbox.waiting.length >= this.maxInFlight) {
      return call.onFailure(notSent(new RedisError.Overloaded({ limit: this.maxInFlight }), this.address.key))
    }
    this.enqueue(call)
  }

  private readonly enqueue = (call: Call): void => {
    this.outbox.push(call)
    // Afterwards, since a watchdog that wakes looks at once at what there is.
    this.watchdog.notice(call)
  }

  /** There is room for a PING always. On a connection that was taken over it would be answered otherwise, or not at all. */
  readonly ping = (onEnd?: (answered: boolean) => void): boolean => {
    if (!this.outbox.isOpen || this.link.standing.takenOver) return false
    this.outbox.push(this.link.pings.make(this.link.clock.currentTimeMillisUnsafe(), onEnd))
    return true
  }

  readonly onData = (chunk: Uint8Array): void => this.replies.read(this.decoder, chunk)

  readonly onClose = (problem: string, cause?: unknown): void => {
    this.abort(new RedisError.ConnectionLost({ problem, cause }))
  }

  readonly isClosed = (): boolean => this.ending.isClosed

  /** The client's own PINGs are not counted. They are in flight, unless there is no room: then they wait. */
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

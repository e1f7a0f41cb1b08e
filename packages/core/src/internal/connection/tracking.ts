/**
 * What a server tells about keys that were read over a connection, so that their replies may be kept: the server's side of
 * client-side caching.
 *
 * Nothing is said to the server before the first read whose reply is to be kept. Such a read is written as one unit with the
 * commands that let the server watch its keys:
 *
 * ```
 *   CLIENT TRACKING ON OPTIN      once on a connection
 *   CLIENT CACHING YES            the next command is watched
 *   PTTL key                      reads the key, and how long it has left
 *   GET key
 * ```
 *
 * PTTL is what is watched, so the watch begins before the read, and the reply is the last of the unit: whatever changes the key
 * between the two is pushed before the reply.
 *
 * Sources: https://redis.io/docs/latest/develop/reference/client-side-caching/ and
 * https://redis.io/docs/latest/commands/client-tracking/
 */
import type * as Clock from "effect/Clock"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { notSent, rejected } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { Unattended } from "./call.ts"
import type { Keepers, Watch, Watched } from "./keepers.ts"

const on = Command.make(CommandSpec.get("CLIENT TRACKING"), ["ON", "OPTIN"], Reply.raw)
const yes = Command.make(CommandSpec.get("CLIENT CACHING"), ["YES"], Reply.raw)
const PTTL = CommandSpec.get("PTTL")

/** A command of the unit before the read itself. */
class Question extends Unattended {
  protected readonly read: Watched
  protected readonly tracking: Tracking

  constructor(command: Command.Any, read: Watched, tracking: Tracking) {
    super(command, false, Infinity)
    this.read = read
    this.tracking = tracking
  }

  override onReply(value: Resp.Value, node: string): void {
    if (!(value instanceof Resp.ReplyError)) return this.answered(value)
    this.read.unwatched()
    this.failed(rejected(value, node, this))
  }

  protected answered(_value: Resp.Value): void {}

  protected failed(failure: Failure): void {
    this.tracking.refusedBy(failure)
  }
}

class TurnOn extends Question {
  protected override answered(): void {
    this.tracking.confirmed()
  }

  protected override failed(failure: Failure): void {
    this.tracking.failed(failure)
  }
}

class TimeLeft extends Question {
  protected override answered(millis: Resp.Value): void {
    // -1: it does not expire; -2: there is no such key.
    if (typeof millis !== "number") this.read.unwatched()
    else if (millis >= 0) this.read.expiresIn(millis)
  }
}

/** Errors that a server will repeat. Others pass (BUSY, LOADING), or are about a key or its slot. */
const isLasting = ({ reason }: Failure): boolean =>
  reason._tag === "ServerError" && (reason.code === "ERR" || reason.code === "NOPERM") &&
  !/\bpermissions to access\b/i.test(reason.text)

const withoutPushes = "the server speaks RESP2 only, in which it can't tell this connection what has changed"

/** The watch over the keys that were read over one connection, and the listener for what its server pushes about them. */
export class Tracking implements Watch {
  readonly kinds: ReadonlyArray<string> = ["invalidate"]
  readonly isNews = true
  /** A reply that came before the push is out of date. And whoever is told that his write is done does not read before its push. */
  readonly isAhead = true
  readonly node: string
  era = 0
  private state: "Off" | "Asked" | "On" | "Refused" | "Ended" = "Off"
  private protocol: 2 | 3 = 3
  private readonly clock: Clock.Clock
  private readonly keepers: Keepers

  constructor(node: string, clock: Clock.Clock, keepers: Keepers) {
    this.node = node
    this.clock = clock
    this.keepers = keepers
  }

  greeted(protocol: 2 | 3): void {
    this.protocol = protocol
  }

  /** Keys need not be UTF-8. */
  readonly wantsBytes = (): boolean => true

  readonly onPush = (_kind: string, [, keys]: ReadonlyArray<Resp.Value>): void => {
    if (Array.isArray(keys)) this.keepers.tell((keeper) => keeper.invalidated(keys))
    else this.forget("Flushed")
  }

  /** The connection has ended. */
  end(): void {
    this.state = "Ended"
    this.forget("Lost")
  }

  private forget(cause: "Flushed" | "Lost"): void {
    this.era++
    this.keepers.tell((keeper) => keeper.forgotten(this, cause))
  }

  /** What to ask the server before the read; undefined if it does not watch keys. */
  questions(read: Watched): ReadonlyArray<Unattended> | undefined {
    if (this.state !== "Refused" && this.protocol === 2) {
      this.refuse(notSent(new RedisError.TrackingRefused({ problem: withoutPushes }), this.node))
    }
    if (this.state === "Refused") {
      read.unwatched()
      return undefined
    }
    const questions: Array<Unattended> = this.state === "Off" ? [new TurnOn(on, read, this)] : []
    for (const key of read.keys) {
      questions.push(new Question(yes, read, this), new TimeLeft(Command.make(PTTL, [key], Reply.raw), read, this))
    }
    return questions
  }

  /** It is being written, behind its questions if there are any. */
  begin(read: Watched): void {
    if (this.state === "Off") this.state = "Asked"
    read.begun(this, this.clock.currentTimeMillisUnsafe())
  }

  confirmed(): void {
    if (this.state === "Asked") this.state = "On"
  }

  /** The server did not turn tracking on. */
  failed(failure: Failure): void {
    if (isLasting(failure)) this.refuse(failure)
    else if (this.state === "Asked") this.state = "Off"
  }

  /** Another question has failed. It proves nothing while tracking is not on. */
  refusedBy(failure: Failure): void {
    if (this.state === "On" && isLasting(failure)) this.refuse(failure)
  }

  private refuse(failure: Failure): void {
    this.state = "Refused"
    const { delivery, node, reason } = failure
    const problem = "text" in reason ? `the server answered ${JSON.stringify(reason.text)}` : reason.message
    const refused = reason._tag === "TrackingRefused" ? reason : new RedisError.TrackingRefused({ problem })
    this.keepers.tell((keeper) => keeper.refused({ delivery, node, reason: refused }))
  }
}

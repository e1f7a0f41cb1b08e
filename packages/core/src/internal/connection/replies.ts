/**
 * The receiving side of a connection: pairs each reply with the oldest call in flight, and ends the connection if the two can't
 * belong together. Replies are delivered once all of a chunk is read (`answers.ts`).
 *
 * Of pushes it knows only that some kinds never come without a subscription. On a connection that subscribes, `pushes.ts` stands
 * before it; on one whose listeners hear only news, beside it.
 */
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { executed } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Answers } from "./answers.ts"
import { Unattended } from "./call.ts"
import type { Call } from "./call.ts"
import type { Ending } from "./ending.ts"
import { refusal } from "./handshake.ts"
import type { Link } from "./link.ts"
import type { Outbox } from "./outbox.ts"
import type { Pings } from "./pings.ts"
import type { Ring } from "./ring.ts"
import type { Standing } from "./standing.ts"
import * as Stranger from "./stranger.ts"
import * as Unit from "./unit.ts"

export class Replies implements Resp.Handler {
  bytesRead = 0
  /** Takes the pushes, on a connection that listens to news. */
  news: Pick<Resp.Handler, "onPush" | "wantsBytes"> | undefined = undefined
  /** The protocol that the handshake agreed on. */
  protocol: 2 | 3 = 3
  hasGreeted = false
  /** The times of the last two reads, in milliseconds of the Clock. */
  private heard: number
  heardBefore: number
  private readonly link: Link
  private readonly inFlight: Ring<Call>
  private readonly outbox: Outbox
  private readonly answers: Answers
  private readonly pings: Pings
  private readonly standing: Standing
  private readonly ending: Ending
  private readonly own: Link["own"]

  constructor(link: Link, outbox: Outbox, ending: Ending) {
    this.link = link
    this.inFlight = link.inFlight
    this.answers = link.answers
    this.pings = link.pings
    this.standing = link.standing
    this.outbox = outbox
    this.ending = ending
    this.own = link.own
    this.heard = link.clock.currentTimeMillisUnsafe()
    this.heardBefore = this.heard
  }

  /** Reads a chunk with a decoder that has this object as its handler. */
  read(decoder: Resp.Decoder, chunk: Uint8Array): void {
    this.bytesRead += chunk.length
    this.heardBefore = this.heard
    this.heard = this.link.clock.currentTimeMillisUnsafe()
    let end: RedisError.Reason | undefined
    let tooLarge: Resp.Limit | undefined
    try {
      decoder.push(chunk)
    } catch (cause) {
      if (cause instanceof Resp.ProtocolError && this.hasGreeted) tooLarge = cause.limit
      // Anything but a ProtocolError is a bug of the client, and a reply may have been lost.
      end = cause instanceof Resp.ProtocolError
        ? new RedisError.ProtocolViolation({ problem: this.describe(chunk, cause.message) })
        : new RedisError.ConnectionLost({ problem: "reading a reply failed", cause })
    }
    this.deliver()
    if (tooLarge !== undefined) this.giveUp(tooLarge)
    else if (end !== undefined) this.ending.abort(end)
    if (this.ending.refusal !== undefined) this.ending.endIfIdle()
    this.answers.rethrow()
  }

  /**
   * Ends the connection, because the rest of a reply that is too large can't be skipped. Only the command that asked for it fails
   * for good: it would get the same reply again.
   */
  private giveUp({ most, of }: Resp.Limit): void {
    const reason = new RedisError.ReplyTooLarge({ of, limit: most })
    const call = this.inFlight.peek()
    const isAwaited = call !== undefined && !call.abandoned
    // The ending fails all others, and counts this one among those that may have changed data.
    if (isAwaited) call.abandoned = true
    this.ending.abort(new RedisError.ConnectionLost({ problem: reason.message }))
    if (!isAwaited) return
    try {
      call.onFailure(executed(reason, this.link.node))
    } catch (error) {
      this.link.report(error)
    }
  }

  /** If the very first bytes of a peer are not RESP, it speaks another protocol, which they may reveal. */
  private describe(chunk: Uint8Array, problem: string): string {
    return this.bytesRead > chunk.length
      ? problem
      : Stranger.problemOf(chunk) ?? `${problem}; check that it is the port of a Redis server`
  }

  /** Gives calls the replies that have been read so far. */
  deliver(): void {
    this.answers.deliver(this.link.node)
  }

  wantsBytes(push: boolean): boolean {
    return push ? this.news?.wantsBytes?.(true) === true : this.inFlight.peek()?.command.bytes === true
  }

  onReply(value: Resp.Value): void {
    if (this.ending.isClosed) return
    const call = this.inFlight.peek()
    if (call === undefined) return this.unasked(value)
    if (this.pings.count > 0 && this.pings.isAstray(call, value, this.bytesRead)) {
      return this.ending.outOfStep(
        "a PING was not answered in its turn: a reply was lost on the way, or one came unasked"
      )
    }
    const { spec } = call.command
    if (!CommandSpec.isAnsweredBy(spec, value) && this.isUnfit(call)) {
      const { name } = spec
      return this.ending.outOfStep(
        `${name} was answered by ${Reply.describeReply(value)}: a reply was lost on the way, or one came unasked`
      )
    }
    this.inFlight.shift()
    if (!spec.readOnly) this.link.keepers?.wrote(call.command)
    if (this.own.count > 0 && call.isOwn) this.own.count--
    if (value instanceof Resp.ReplyError) this.onError(call, value)
    else this.answer(call, value)
    this.outbox.proceed()
  }

  /** Whether a reply of a kind that the command table excludes shows that replies and calls are out of step. */
  private isUnfit(call: Call): boolean {
    // Commands between MULTI and EXEC are answered by QUEUED.
    return !(call instanceof Unit.Prelude) && !this.standing.takenOver
  }

  private answer(call: Call, value: Resp.Value): void {
    if (this.standing.condition === "Watching") this.standing.answered(call, value)
    this.answers.push(call, value)
  }

  private onError(call: Call, error: Resp.ReplyError): void {
    if (error.code === "NOAUTH") this.ending.loggedOut(call.command, error)
    const { refusal } = this.ending
    if (refusal !== undefined && isOfEnding(error) && !(call instanceof Unattended)) return this.letGo(call, refusal)
    this.answer(call, error)
  }

  /**
   * Fails a call that the server refused because the connection ends. It was not executed, and gets the reason of the ending
   * instead of the server's error.
   */
  private letGo(call: Call, refusal: Failure): void {
    this.deliver()
    if (call.abandoned) return
    const delivery = call.unit?.astray === true ? "MaybeExecuted" : "Rejected"
    try {
      call.onFailure({ ...refusal, delivery })
    } catch (error) {
      this.link.report(error)
    }
  }

  private unasked(value: Resp.Value): void {
    if (!(value instanceof Resp.ReplyError)) {
      return this.ending.outOfStep("a reply came that nobody had asked for")
    }
    // A server that turns clients away, because it has too many, sends an error before anything was asked.
    if (!this.hasGreeted) return this.ending.abort(refusal(value.message))
    this.ending.outOfStep(`unasked, it said ${JSON.stringify(value.message)}`)
  }

  /**
   * Drops calls from the queue that pushes have answered, since no reply comes to them. The reply that was just read may show
   * this too.
   */
  passAnswered(reply: Resp.Value | undefined): void {
    for (let head = this.inFlight.peek(); head !== undefined && head.isDone(reply);) {
      this.inFlight.shift()
      head = this.inFlight.peek()
    }
  }

  onPush(values: ReadonlyArray<Resp.Value>): void {
    if (this.news === undefined) this.unheard(values[0])
    else this.news.onPush(values)
  }

  /** Handles a push of a kind that has no listener. */
  unheard(kind: Resp.Value | undefined): void {
    if (this.ending.isClosed || typeof kind !== "string" || !ofSubscriptions.has(kind)) return
    // Such a push comes only after a subscription. If there is no listener, a command has subscribed by accident, and it had no
    // reply.
    this.ending.outOfStep(`a push of the kind "${kind}" came, though nothing is subscribed to here`)
  }
}

/** Pushes that are sent only to subscribers. Others, such as `invalidate`, may come on any connection. */
const ofSubscriptions: ReadonlySet<string> = new Set(
  ["", "p", "s"].flatMap((kind) => [`${kind}message`, `${kind}subscribe`, `${kind}unsubscribe`])
)

/** Errors due to the connection's end: UNBLOCKED for commands that blocked, NOAUTH after the server forgot the login. */
const isOfEnding = ({ code }: Resp.ReplyError): boolean => code === "UNBLOCKED" || code === "NOAUTH"

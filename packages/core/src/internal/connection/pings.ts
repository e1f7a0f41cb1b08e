/**
 * The client's own PING. It carries a token that has to come back at its place among the replies: where it comes at another,
 * or something else comes there, a reply has been lost on the way, or one came that nobody had asked for, and whoever was
 * answered since may have another's reply.
 *
 * An error in its place is as good: a busy server answers PING with one, and so does one that does not permit it.
 *
 * Source: https://redis.io/docs/latest/commands/ping/
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { decodeText } from "../resp/text.ts"
import { Unattended } from "./call.ts"
import type { Call } from "./call.ts"

const PING = CommandSpec.get("PING")

export class Ping extends Unattended {
  readonly token: string
  private readonly onEnd: ((answered: boolean) => void) | undefined

  constructor(token: string, onEnd: ((answered: boolean) => void) | undefined) {
    super(Command.make(PING, [token], Reply.raw), false, Infinity)
    this.token = token
    this.onEnd = onEnd
  }

  override onReply(): void {
    this.onEnd?.(true)
  }

  override onFailure(): void {
    this.onEnd?.(false)
  }
}

/** The PINGs of one connection. */
export class Pings {
  /** When the last one was made, in milliseconds of the Clock. */
  madeAt: number
  /** How many bytes had been read when the last one came back: up to there all was in step. */
  proved = 0
  private readonly prefix: string
  private readonly out = new Set<string>()
  private made = 0

  /** `secret` is what others can't know, lest a token is a value that somebody has stored. */
  constructor(secret: string, now: number) {
    this.prefix = `redisc:${secret}:`
    this.madeAt = now
  }

  /** How many are on their way. */
  get count(): number {
    return this.out.size
  }

  /** `onEnd` is told whether there was an answer, or there will be none. */
  make(now: number, onEnd?: (answered: boolean) => void): Ping {
    this.madeAt = now
    const token = `${this.prefix}${++this.made}`
    this.out.add(token)
    return new Ping(token, onEnd)
  }

  /** Whether a reply to a call tells that replies and calls are out of step. */
  isAstray(call: Call, value: Resp.Value, bytesRead: number): boolean {
    const token = tokenIn(value)
    // While one is out all replies pass here: those that do not begin like it are not hashed.
    if (!(call instanceof Ping)) return token?.startsWith(this.prefix) === true && this.out.has(token)
    this.out.delete(call.token)
    this.proved = bytesRead
    return token !== call.token && !(value instanceof Resp.ReplyError)
  }
}

/** What is longer is no token. */
const longest = 64

/** What a PING is answered by: its argument, in RESP2 behind the word "pong" to who has subscribed. */
const tokenIn = (value: Resp.Value): string | undefined => {
  if (typeof value === "string") return value.length > longest ? undefined : value
  if (value instanceof Uint8Array) return value.length > longest ? undefined : decodeText(value, 0, value.length)
  return Array.isArray(value) && value.length === 2 ? tokenIn(value[1]) : undefined
}

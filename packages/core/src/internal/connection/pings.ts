/**
 * The client's own PINGs, which prove that replies are in step with calls. Each carries a token that has to come back at its
 * place among the replies. If it does not, a reply was lost on the way or came unasked, and calls since the last PING may have
 * been given the wrong replies.
 *
 * An error at the PING's place proves as much: busy servers answer PING with one, and so do servers on which the user may not
 * PING.
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

  override get isOwn(): boolean {
    return true
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
  /** When the last PING was made, in milliseconds of the Clock. */
  madeAt: number
  /** How many bytes had been read when the last PING came back. Up to there replies were in step. */
  proved = 0
  private readonly prefix: string
  private readonly out = new Set<string>()
  private made = 0

  /** The `secret` keeps tokens apart from values that users may have stored. */
  constructor(secret: string, now: number) {
    this.prefix = `redisc:${secret}:`
    this.madeAt = now
  }

  /** The number of PINGs not yet answered. */
  get count(): number {
    return this.out.size
  }

  /** `onEnd` is called with true when the answer comes, or with false if the connection ends before. */
  make(now: number, onEnd?: (answered: boolean) => void): Ping {
    this.madeAt = now
    const token = `${this.prefix}${++this.made}`
    this.out.add(token)
    return new Ping(token, onEnd)
  }

  /** Whether the reply that a call would get shows that replies and calls are out of step. */
  isAstray(call: Call, value: Resp.Value, bytesRead: number): boolean {
    const token = tokenIn(value)
    // While a PING is out, every reply passes here. Only those that begin like a token are looked up.
    if (!(call instanceof Ping)) return token?.startsWith(this.prefix) === true && this.out.has(token)
    this.out.delete(call.token)
    this.proved = bytesRead
    return token !== call.token && !(value instanceof Resp.ReplyError)
  }
}

/** An upper bound for the length of a token. */
const longest = 64

/** The token in an answer to PING: the answer itself or, in RESP2 on a connection that subscribes, the element behind "pong". */
const tokenIn = (value: Resp.Value): string | undefined => {
  if (typeof value === "string") return value.length > longest ? undefined : value
  if (value instanceof Uint8Array) return value.length > longest ? undefined : decodeText(value, 0, value.length)
  return Array.isArray(value) && value.length === 2 ? tokenIn(value[1]) : undefined
}

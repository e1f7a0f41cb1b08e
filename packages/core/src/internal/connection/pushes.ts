/**
 * Hands pushes to listeners by their kind: the first element of a push, such as `message` or `invalidate`. It stands between
 * the decoder and the pairing of replies, only on connections that have listeners.
 *
 * Listeners are called in the order in which the server has sent: replies that were read before a push are delivered first, unless
 * the listener wants to be ahead of them.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/#pushes
 */
import type * as Resp from "../../Resp.ts"
import { decodeText } from "../resp/text.ts"
import type { Call } from "./call.ts"
import type { Ending } from "./ending.ts"
import type { Link } from "./link.ts"
import type { Outbox } from "./outbox.ts"
import type { Replies } from "./replies.ts"

/** Takes the pushes of some kinds. A listener belongs to one connection. */
export interface PushListener {
  /** The kinds of pushes. No two listeners of a connection may share one. */
  readonly kinds: ReadonlyArray<string>
  /**
   * Whether servers send these kinds in RESP2 too, as they do to subscribers: as arrays of three or more elements, which look
   * like replies.
   */
  readonly inResp2?: boolean
  /**
   * Whether these pushes are news that come now and then, and answer nothing. A connection whose listeners hear only news works
   * like one without: what it carries are replies.
   */
  readonly isNews?: boolean
  /** Whether these pushes are passed on at once, even if replies that came before them are not yet delivered. */
  readonly isAhead?: boolean
  /** Whether strings should come as bytes from now on. If this is missing, they come as text. */
  readonly wantsBytes?: () => boolean
  /** Takes a push, with all its elements in `values`. `head` is the oldest call in flight, since the push may answer it. */
  readonly onPush: (kind: string, values: ReadonlyArray<Resp.Value>, head: Call | undefined) => void
  /**
   * Takes several consecutive pushes of three strings that differ only in the third and answer no call. If this is missing,
   * they are passed to `onPush` one by one.
   */
  readonly onMany?: (kind: string, second: string, thirds: ReadonlyArray<string>) => void
}

/** Where pushes of a kind go. */
interface Route {
  readonly kind: string
  readonly listener: PushListener
}

export class Pushes implements Resp.Handler {
  private readonly link: Link
  private readonly outbox: Outbox
  private readonly ending: Ending
  private readonly replies: Replies
  private readonly listeners: ReadonlyArray<PushListener>
  private readonly routes = new Map<string, Route>()
  /** The route of the last push. Most are of the same kind as the one before, and comparing two texts is faster than hashing one. */
  private last: Route | undefined
  private readonly areInResp2: boolean

  constructor(listeners: ReadonlyArray<PushListener>, link: Link, outbox: Outbox, ending: Ending, replies: Replies) {
    this.link = link
    this.outbox = outbox
    this.ending = ending
    this.replies = replies
    this.listeners = listeners
    this.areInResp2 = listeners.some(({ inResp2 }) => inResp2 === true)
    for (const listener of listeners) {
      for (const kind of listener.kinds) {
        if (this.routes.has(kind)) throw new Error(`two listeners for pushes of the kind "${kind}"`)
        this.routes.set(kind, { kind, listener })
      }
    }
  }

  /** The kind of a push is not known when it begins. In RESP2 it is not even known whether it is one. */
  wantsBytes(push: boolean): boolean {
    return push || (this.areInResp2 && this.replies.protocol === 2) ? this.areBytes() : this.replies.wantsBytes(false)
  }

  /** Whether strings of pushes come as bytes: true as soon as one listener wants bytes. */
  private areBytes(): boolean {
    for (const listener of this.listeners) if (listener.wantsBytes?.() === true) return true
    return false
  }

  onReply(value: Resp.Value): void {
    if (this.areInResp2 && this.replies.protocol === 2 && this.isPush(value)) return this.onPush(value)
    if (!this.ending.isClosed) this.replies.passAnswered(value)
    this.replies.onReply(value)
  }

  private isPush(value: Resp.Value): value is ReadonlyArray<Resp.Value> {
    return Array.isArray(value) && value.length >= 3 && this.routeOf(textOf(value[0]))?.listener.inResp2 === true
  }

  private routeOf(kind: string | undefined): Route | undefined {
    if (kind === undefined) return undefined
    if (kind === this.last?.kind) return this.last
    const route = this.routes.get(kind)
    if (route !== undefined) this.last = route
    return route
  }

  onPush(values: ReadonlyArray<Resp.Value>): void {
    if (this.ending.isClosed) return
    const said = textOf(values[0])
    const route = this.routeOf(said)
    if (route === undefined) return this.replies.unheard(said)
    const { kind, listener } = route
    if (listener.isAhead !== true) this.replies.deliver()
    try {
      const isAsWanted = this.listeners.length === 1 || listener.wantsBytes?.() === true
      listener.onPush(kind, isAsWanted ? values : values.map(withoutBytes), this.link.inFlight.peek())
    } catch (error) {
      this.link.report(error)
    }
    this.replies.passAnswered(undefined)
    this.outbox.proceed()
  }

  onPushes([said, second]: readonly [string, string], thirds: ReadonlyArray<string>): void {
    if (this.ending.isClosed) return
    const route = this.routeOf(said)
    if (route === undefined) return this.replies.unheard(said)
    const { kind, listener } = route
    if (listener.onMany === undefined) {
      for (const third of thirds) this.onPush([kind, second, third])
      return
    }
    this.replies.deliver()
    try {
      listener.onMany(kind, second, thirds)
    } catch (error) {
      this.link.report(error)
    }
  }
}

const textOf = (value: Resp.Value | undefined): string | undefined => {
  if (typeof value === "string") return value
  return value instanceof Uint8Array ? decodeText(value, 0, value.length) : undefined
}

/** Replaces bytes by text, for a listener that does not want bytes. */
const withoutBytes = (value: Resp.Value): Resp.Value => {
  if (value instanceof Uint8Array) return decodeText(value, 0, value.length)
  return Array.isArray(value) ? value.map(withoutBytes) : value
}

/**
 * A topic: a channel or pattern to subscribe to, its listeners in this program, and the node that has confirmed it. A topic
 * also tells its listeners of gaps, the times in which messages may have been missed.
 */
import * as DateTime from "effect/DateTime"
import type { Address } from "../../Address.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"
import { decodeText, encodeText } from "../resp/text.ts"

/** `channel` and `pattern` can be subscribed at any node, `shard` only at the owner of the channel's slot. */
export type Kind = "channel" | "pattern" | "shard"

/** An event that a listener gets besides messages. Times are of this process' Clock. */
export type Notice =
  | {
    readonly _tag: "Subscribed"
    readonly kind: Kind
    readonly name: string
    readonly node: string
  }
  | {
    readonly _tag: "Unsubscribed"
    readonly kind: Kind
    readonly name: string
    readonly node: string
    readonly problem: string
  }
  | {
    readonly _tag: "Moved"
    readonly kind: Kind
    readonly name: string
    readonly from: string
    readonly to: string
  }
  | {
    readonly _tag: "Gap"
    readonly kind: Kind | undefined
    readonly name: string | undefined
    readonly cause: "ConnectionLost" | "Moved" | "NodeLost" | "Overflow"
    readonly node: string | undefined
    readonly from: DateTime.Utc
    readonly until: DateTime.Utc
    readonly missed: number | undefined
  }

export interface Listener {
  /** Whether the payload is wanted as bytes. */
  readonly bytes: boolean
  /** Topics that have not been confirmed since the listener was added. It gets no notices of them until then. */
  readonly awaited: Set<Topic>
  /** Takes messages of one channel, in the order of arrival. */
  readonly onMessages: (
    channel: string,
    pattern: string | undefined,
    payloads: ReadonlyArray<string | Uint8Array>
  ) => void
  readonly onNotice: (notice: Notice) => void
  /** Called once `awaited` has become empty. */
  readonly onReady: () => void
  readonly onFailure: (error: RedisError) => void
}

/** The connection to a node at which a topic is subscribed. */
export interface Place {
  readonly address: Address
  /** Everything that the node sent before this time, in milliseconds, has been read. */
  readonly completeUntil: number
  readonly isEmpty: boolean
  readonly want: (topic: Topic) => void
  readonly drop: (topic: Topic) => void
  readonly readBytes: () => void
}

/** A gap that ends with the next confirmation: messages since `from` may be missed. */
interface OpenGap {
  readonly cause: "ConnectionLost" | "Moved"
  readonly node: string
  readonly from: number
}

/** How long nodes may take to pass a message on, from the node where it was published to this one, in milliseconds. */
const passingOn = 1000

/** Converts text to bytes, and bytes to text. */
const toOther = (payload: string | Uint8Array): string | Uint8Array =>
  typeof payload === "string" ? encodeText(payload) : decodeText(payload, 0, payload.length)

export class Topic {
  readonly kind: Kind
  readonly name: string
  /** The node at which this topic must be subscribed, because these are the node's own events; else `undefined`. */
  readonly pin: Address | undefined
  /** Identifies the topic within the hub. */
  readonly key: string
  /** The slot of a sharded channel, else -1. */
  readonly slot: number
  readonly listeners = new Set<Listener>()
  /** The connection that it is assigned to. */
  at: Place | undefined
  /** Whether the server has confirmed the subscription there. */
  isConfirmed = false
  /** How often servers have refused it since it was last confirmed. */
  refusals = 0
  /** It is not requested again before this time. */
  pausedUntil = 0
  /** The key of the node that last confirmed it. */
  private node = ""
  private gap: OpenGap | undefined
  /** When the confirmed subscription was requested. */
  private askedAt = 0
  /** The node certainly owned the slot up to this time. */
  private ownedUntil = 0

  constructor(kind: Kind, name: string, pin: Address | undefined) {
    this.kind = kind
    this.name = name
    this.pin = pin
    this.key = `${kind} ${pin?.key ?? ""} ${name}`
    this.slot = kind === "shard" ? Slot.fromKey(name) : -1
  }

  get wantsBytes(): boolean {
    for (const { bytes } of this.listeners) if (bytes) return true
    return false
  }

  add(listener: Listener): void {
    this.listeners.add(listener)
    if (this.isConfirmed) listener.onNotice(this.subscribed)
    else listener.awaited.add(this)
  }

  remove(listener: Listener): void {
    this.listeners.delete(listener)
    this.settle(listener)
  }

  private settle({ awaited, onReady }: Listener): void {
    if (awaited.delete(this) && awaited.size === 0) onReady()
  }

  /** Gives messages to all listeners, to each as text or bytes as it wants. All payloads must be of the same form. */
  deliver(channel: string, pattern: string | undefined, payloads: ReadonlyArray<string | Uint8Array>): void {
    const isText = typeof payloads[0] === "string"
    let others: ReadonlyArray<string | Uint8Array> | undefined
    for (const { bytes, onMessages } of this.listeners) {
      onMessages(channel, pattern, bytes === isText ? others ??= payloads.map(toOther) : payloads)
    }
  }

  confirm(askedAt: number, now: number): void {
    const { at, kind, name, node: before } = this
    if (at === undefined) return
    const node = at.address.key
    const moved = before !== "" && before !== node
    this.node = node
    this.isConfirmed = true
    this.refusals = 0
    if (moved) this.tell({ _tag: "Moved", kind, name, from: before, to: node })
    // Messages published at a new owner before the old one noticed the change never arrived.
    this.closeGap(kind === "shard" && (moved || this.gap?.cause === "Moved"), now)
    this.askedAt = this.ownedUntil = askedAt
    // Copy the set: a listener that becomes ready may add others at once.
    for (const listener of Array.from(this.listeners)) {
      listener.onNotice(this.subscribed)
      this.settle(listener)
    }
  }

  /** A map that was read at this time says that the topic's node owns the slot. */
  owned(at: number): void {
    if (at > this.ownedUntil) this.ownedUntil = at
  }

  /** The connection was lost, with everything that had not been read. */
  lose(problem: string): void {
    this.end(problem, "ConnectionLost")
  }

  /** The server has ended the subscription, because it no longer serves the slot. */
  revoke(): void {
    this.end("the node no longer serves its slot", "Moved")
  }

  /** The topic moves to another node. */
  leave(): void {
    this.end("it is to be heard at another node", "Moved")
  }

  /** The topic ends at its node and will not come back: its gap ends now. */
  abandon(problem: string, now: number): void {
    this.lose(problem)
    this.closeGap(false, now)
  }

  /** For a listener to all nodes that did not know this one: the node's messages since `from` count as missed. */
  missing(node: string, from: number, listener: Listener): void {
    if (!this.isConfirmed) this.gap ??= { cause: "ConnectionLost", node, from }
    this.settle(listener)
  }

  /**
   * Another node is lost, so messages published there may not have been passed on to this one. They may also have been passed
   * on, but not yet read by this node if it was busy; only messages before its latest answer have certainly been read.
   */
  nodeLost(node: string, from: number, now: number): void {
    const { at } = this
    const hearsAll = this.isConfirmed && this.kind !== "shard" && this.pin === undefined
    if (!hearsAll || at === undefined || this.node === node) return
    this.tellGap("NodeLost", node, Math.max(Math.min(from, this.heardUntil(at)), this.askedAt), now)
  }

  /** The time before which nothing was missed. Earlier than `completeUntil`, as messages from other nodes arrive later. */
  private heardUntil({ completeUntil }: Place): number {
    const isPassedOn = this.kind !== "shard" && this.pin === undefined
    return isPassedOn ? Math.max(completeUntil - passingOn, Math.min(completeUntil, this.askedAt)) : completeUntil
  }

  private end(problem: string, cause: OpenGap["cause"]): void {
    const { at, kind, name, node } = this
    if (!this.isConfirmed || at === undefined) return
    this.isConfirmed = false
    this.gap = { cause, node, from: this.heardUntil(at) }
    this.tell({ _tag: "Unsubscribed", kind, name, node, problem })
  }

  private closeGap(ownerChanged: boolean, now: number): void {
    const { gap } = this
    if (gap === undefined) return
    this.gap = undefined
    this.tellGap(gap.cause, gap.node, ownerChanged ? Math.min(gap.from, this.ownedUntil) : gap.from, now)
  }

  private tellGap(cause: OpenGap["cause"] | "NodeLost", node: string, from: number, until: number): void {
    const { kind, name } = this
    this.tell({
      _tag: "Gap",
      kind,
      name,
      cause,
      node,
      ...spanOf(from, until),
      missed: undefined
    })
  }

  private get subscribed(): Notice {
    return { _tag: "Subscribed", kind: this.kind, name: this.name, node: this.node }
  }

  private tell(notice: Notice): void {
    for (const listener of this.listeners) if (!listener.awaited.has(this)) listener.onNotice(notice)
  }
}

/** A time span in whole milliseconds, rounded outwards, since a clock may have fractions. */
export const spanOf = (from: number, until: number): { readonly from: DateTime.Utc; readonly until: DateTime.Utc } => ({
  from: DateTime.makeUnsafe(Math.floor(from)),
  until: DateTime.makeUnsafe(Math.ceil(until))
})

/**
 * Something that can be subscribed to, who listens to it in this program, and where the server has confirmed it.
 */
import * as DateTime from "effect/DateTime"
import type { Address } from "../../Address.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"
import { decodeText, encodeText } from "../resp/text.ts"

/** `channel` and `pattern` are heard at any node, `shard` at the owner of the channel's slot. */
export type Kind = "channel" | "pattern" | "shard"

/** What a listener is told besides messages. Times are of this process' Clock. */
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
  /** Topics that have not been confirmed since it listens. Until then nothing that happens to them is its business. */
  readonly awaited: Set<Topic>
  /** Takes messages of one channel, in the order in which they came. */
  readonly onMessages: (
    channel: string,
    pattern: string | undefined,
    payloads: ReadonlyArray<string | Uint8Array>
  ) => void
  readonly onNotice: (notice: Notice) => void
  /** Nothing is awaited any more. */
  readonly onReady: () => void
  readonly onFailure: (error: RedisError) => void
}

/** The connection to a node that a topic is heard over. */
export interface Place {
  readonly address: Address
  /** The time up to which all that the node had sent has been read, in milliseconds. */
  readonly completeUntil: number
  readonly isEmpty: boolean
  readonly want: (topic: Topic) => void
  readonly drop: (topic: Topic) => void
  readonly readBytes: () => void
}

/** What may have been missed while nobody was subscribed: from when on, and because of what. */
interface OpenGap {
  readonly cause: "ConnectionLost" | "Moved"
  readonly node: string
  readonly from: number
}

/** How long a message may be on its way from the node that took it to the one that is heard, in milliseconds. */
const passingOn = 1000

/** Text for bytes, and bytes for text. */
const toOther = (payload: string | Uint8Array): string | Uint8Array =>
  typeof payload === "string" ? encodeText(payload) : decodeText(payload, 0, payload.length)

export class Topic {
  readonly kind: Kind
  readonly name: string
  /** The node whose own events these are; undefined when any node tells them. */
  readonly pin: Address | undefined
  /** What it is known by. */
  readonly key: string
  /** The slot of a sharded channel. */
  readonly slot: number
  readonly listeners = new Set<Listener>()
  /** Where it is to be heard. */
  at: Place | undefined
  /** Whether the server has said that it is. */
  isConfirmed = false
  /** How often it was refused since it was confirmed, and until when it is not asked for again. */
  refusals = 0
  pausedUntil = 0
  /** Where it was heard last. */
  private node = ""
  private gap: OpenGap | undefined
  /** When it was asked for that was confirmed, and until when that was certainly the node to ask. */
  private askedAt = 0
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

  /** Hands messages to all who listen, in the form that each wants. They came as text all, or as bytes all. */
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
    // What was published at a new owner before the old one knew of it never came.
    this.closeGap(kind === "shard" && (moved || this.gap?.cause === "Moved"), now)
    this.askedAt = this.ownedUntil = askedAt
    // Who is ready goes on at once, and may listen to more.
    for (const listener of Array.from(this.listeners)) {
      listener.onNotice(this.subscribed)
      this.settle(listener)
    }
  }

  /** The nodes have said, when they were asked at that time, that it is where it belongs. */
  owned(at: number): void {
    if (at > this.ownedUntil) this.ownedUntil = at
  }

  /** The connection is gone, and with it everything that was not read. */
  lose(problem: string): void {
    this.end(problem, "ConnectionLost")
  }

  /** The server has ended the subscription by itself: it does not serve the slot any more. */
  revoke(): void {
    this.end("the node no longer serves its slot", "Moved")
  }

  /** It is to be heard elsewhere. */
  leave(): void {
    this.end("it is to be heard at another node", "Moved")
  }

  /** It is not to be heard there again. */
  abandon(problem: string, now: number): void {
    this.lose(problem)
    this.closeGap(false, now)
  }

  /** What this node told since a time is missing to somebody who listens to all nodes, and did not know of this one. */
  missing(node: string, from: number, listener: Listener): void {
    if (!this.isConfirmed) this.gap ??= { cause: "ConnectionLost", node, from }
    this.settle(listener)
  }

  /**
   * Another node is lost, and what was published there may not have been passed on; or it has been, and this node, which may
   * have been busy, has not read it: that is certain up to what it has answered since.
   */
  nodeLost(node: string, from: number, now: number): void {
    const { at } = this
    const hearsAll = this.isConfirmed && this.kind !== "shard" && this.pin === undefined
    if (!hearsAll || at === undefined || this.node === node) return
    this.tellGap("NodeLost", node, Math.max(Math.min(from, this.heardUntil(at)), this.askedAt), now)
  }

  /** Up to when nothing is missing, wherever it was published: what other nodes have taken, this one hears of later. */
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

/** A span of whole milliseconds; a clock may count finer. */
export const spanOf = (from: number, until: number): { readonly from: DateTime.Utc; readonly until: DateTime.Utc } => ({
  from: DateTime.makeUnsafe(Math.floor(from)),
  until: DateTime.makeUnsafe(Math.ceil(until))
})

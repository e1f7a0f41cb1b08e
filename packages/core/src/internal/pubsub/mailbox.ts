/**
 * The bounded buffer of one reader of messages. It never blocks the writer.
 *
 * Messages beyond the capacity are dropped and counted, and the reader finds a gap in their place. Notices, such as a lost
 * subscription, are never dropped.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RedisError from "../../RedisError.ts"
import { Ring } from "../connection/ring.ts"
import type { Report } from "../connection/strays.ts"
import { unsent } from "../failures/failure.ts"
import { spanOf } from "./topic.ts"
import type { Notice } from "./topic.ts"

/** What to do with a message when the buffer is full: drop the oldest, drop the new one, or fail the stream. */
export type Overflow = "dropOldest" | "dropNewest" | "fail"

type Gap = Extract<Notice, { readonly _tag: "Gap" }>

/** A run of dropped messages, which the reader sees as one gap. */
class Dropped {
  readonly from: number
  until = 0
  missed = 0

  constructor(from: number) {
    this.from = from
  }

  get gap(): Gap {
    return {
      _tag: "Gap",
      kind: undefined,
      name: undefined,
      cause: "Overflow",
      node: undefined,
      ...spanOf(this.from, this.until),
      missed: this.missed
    }
  }
}

/** A notice or a gap, and the number of the message that it comes before. */
interface Between<A> {
  readonly before: number
  readonly item: A | Dropped
}

type Taken<A> = Exit.Exit<NonEmptyReadonlyArray<A | Gap>, RedisError.RedisError>

/** A reader with more unread notices counts as stuck, and its stream fails. */
const maxBetween = 100_000
/** Notices allowed in addition for each topic: a lost connection makes several for every topic at once. */
const maxBetweenEach = 16

export class Mailbox<A> {
  private readonly capacity: number
  private readonly overflow: Overflow
  private readonly clock: Clock.Clock
  private readonly messages = new Ring<A>()
  private between: Array<Between<A>> = []
  /** The number of the next message. */
  private next = 0
  /** The gap that the next dropped message extends. */
  private dropped: Dropped | undefined
  /** When the reader last took something. */
  private takenAt: number
  private end: Exit.Exit<never, RedisError.RedisError> | undefined
  private readonly readers = new Set<(taken: Taken<A>) => void>()
  private readonly maxBetween: number
  private readonly report: Report
  private handing = false

  /** Makes a buffer for `capacity` messages, and for the notices of `topics` topics. */
  constructor(capacity: number, overflow: Overflow, clock: Clock.Clock, topics = 0, report: Report = rethrow) {
    this.capacity = capacity
    this.report = report
    this.maxBetween = maxBetween + topics * maxBetweenEach
    this.overflow = overflow
    this.clock = clock
    this.takenAt = clock.currentTimeMillisUnsafe()
  }

  /** Adds a message, or drops one if the buffer is full. */
  offer(message: A): void {
    if (this.end !== undefined) return
    // A waiting reader empties the buffer first, so that nothing is dropped.
    if (this.messages.length >= this.capacity) this.hand()
    if (this.messages.length >= this.capacity && !this.makeRoom()) return
    if (this.overflow === "dropNewest") this.dropped = undefined
    this.messages.push(message)
    this.next++
    this.handSoon()
  }

  /** Adds several messages, with the same result as adding one by one. */
  offerAll(messages: ReadonlyArray<A>): void {
    if (this.end !== undefined) return
    if (this.messages.length + messages.length > this.capacity) {
      for (const message of messages) this.offer(message)
      return
    }
    if (this.overflow === "dropNewest") this.dropped = undefined
    this.messages.pushAll(messages)
    this.next += messages.length
    this.handSoon()
  }

  tell(item: A): void {
    if (this.end !== undefined) return
    if (this.between.length >= this.maxBetween) return this.fail(overloaded(this.maxBetween, "events"))
    if (this.overflow === "dropNewest") this.dropped = undefined
    this.between.push({ before: this.next, item })
    this.handSoon()
  }

  /** Ends the mailbox with an error, which the reader gets after everything in the buffer. */
  fail(error: RedisError.RedisError): void {
    if (this.end !== undefined) return
    this.end = Exit.fail(error)
    this.handSoon()
  }

  /** Takes everything in the buffer. Waits if it is empty. */
  readonly take: Effect.Effect<NonEmptyReadonlyArray<A | Gap>, RedisError.RedisError> = Effect.callback((resume) => {
    const taken = this.takeNow()
    if (taken !== undefined) return resume(taken)
    this.readers.add(resume)
    return Effect.sync(() => {
      this.readers.delete(resume)
    })
  })

  /** Handles a full buffer as `overflow` says. Returns whether there is room now for the new message. */
  private makeRoom(): boolean {
    if (this.overflow === "fail") {
      this.fail(overloaded(this.capacity, "messages"))
      return false
    }
    const now = this.clock.currentTimeMillisUnsafe()
    if (this.dropped === undefined) {
      const isOldest = this.overflow === "dropOldest"
      this.dropped = new Dropped(isOldest ? this.takenAt : now)
      this.place(this.dropped, isOldest ? this.next - this.messages.length : this.next)
    }
    this.dropped.missed++
    this.dropped.until = now
    if (this.overflow === "dropNewest") return false
    this.messages.shift()
    return true
  }

  private place(item: Dropped, before: number): void {
    const ahead = this.between.findLastIndex((each) => each.before <= before)
    this.between.splice(ahead + 1, 0, { before, item })
  }

  private takeNow(): Taken<A> | undefined {
    if (this.messages.length + this.between.length === 0) return this.end
    const first = this.next - this.messages.length
    const messages = this.messages.drain()
    const items = this.between.length === 0 ? messages : this.withBetween(messages, first)
    this.dropped = undefined
    this.takenAt = this.clock.currentTimeMillisUnsafe()
    return Exit.succeed(items as unknown as NonEmptyReadonlyArray<A | Gap>)
  }

  /** Inserts notices and gaps between the messages. `first` is the number of the first message. */
  private withBetween(messages: ReadonlyArray<A>, first: number): ReadonlyArray<A | Gap> {
    const items: Array<A | Gap> = []
    let at = 0
    for (const { before, item } of this.between) {
      for (; first + at < before; at++) items.push(messages[at])
      items.push(item instanceof Dropped ? item.gap : item)
    }
    for (; at < messages.length; at++) items.push(messages[at])
    this.between = []
    return items
  }

  /** Serves waiting readers at the end of the tick, so that they get all messages of one chunk at once. */
  private handSoon(): void {
    if (this.readers.size === 0 || this.handing) return
    this.handing = true
    queueMicrotask(() => {
      this.handing = false
      this.hand()
    })
  }

  private hand(): void {
    for (const reader of this.readers) {
      const taken = this.takeNow()
      if (taken === undefined) return
      this.readers.delete(reader)
      try {
        reader(taken)
      } catch (error) {
        this.report(error)
      }
    }
  }
}

const rethrow: Report = (error) => {
  throw error
}

const overloaded = (limit: number, of: "messages" | "events"): RedisError.RedisError =>
  unsent(new RedisError.Overloaded({ limit, of }))

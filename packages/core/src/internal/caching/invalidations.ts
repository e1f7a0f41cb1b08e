/**
 * Tells those who keep data that was derived from cached reads what of it may be old by now.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Command from "../../Command.ts"
import { each } from "../connection/strays.ts"
import type { Report } from "../connection/strays.ts"

/**
 * What may have changed.
 *
 * **Details**
 *
 * - `Keys`: these keys. `Pushed`: a server says so. `Written`: this client has written them. `Dropped`: by `Cached.drop`.
 * - `Slots`: all keys of these slots, since nobody watches them any more. `Moved`: another node has them now. `Forgotten`: the connection
 *   was lost over which they were read, or the server was flushed.
 * - `All`: all keys. `Written`: by a command that does not tell its keys. `Missed`: the reader of the stream was too slow, and this stands
 *   for all that it has missed.
 *
 * A key that is no UTF-8 text comes as bytes. Slots come as ranges, from the first to the last.
 *
 * @category models
 * @since 0.1.0
 */
export type Invalidation =
  | {
    readonly _tag: "Keys"
    readonly keys: ReadonlyArray<Command.Arg>
    readonly cause: "Pushed" | "Written" | "Dropped"
  }
  | {
    readonly _tag: "Slots"
    readonly slots: ReadonlyArray<readonly [first: number, last: number]>
    readonly cause: "Moved" | "Forgotten"
  }
  | { readonly _tag: "All"; readonly cause: "Written" | "Missed" }

/** With more unread events a reader gets one in their place. */
const mostUnread = 4096

type Taken = Effect.Effect<NonEmptyReadonlyArray<Invalidation>, Cause.Done>

class Inbox {
  private unread: Array<Invalidation> = []
  private reader: ((taken: Taken) => void) | undefined
  private hasEnded = false

  offer(invalidation: Invalidation): void {
    if (this.unread.length >= mostUnread) this.unread = [{ _tag: "All", cause: "Missed" }]
    else this.unread.push(invalidation)
    this.hand()
  }

  end(): void {
    this.hasEnded = true
    this.hand()
  }

  readonly take: Taken = Effect.callback((resume) => {
    this.reader = resume
    this.hand()
    return Effect.sync(() => {
      this.reader = undefined
    })
  })

  private hand(): void {
    const { reader, unread } = this
    if (reader === undefined || (unread.length === 0 && !this.hasEnded)) return
    this.reader = undefined
    this.unread = []
    const [first, ...rest] = unread
    reader(first === undefined ? Cause.done() : Effect.succeed([first, ...rest]))
  }
}

export class Invalidations {
  private readonly inboxes = new Set<Inbox>()
  private readonly report: Report
  private hasEnded = false

  constructor(report: Report) {
    this.report = report
  }

  get isHeard(): boolean {
    return this.inboxes.size > 0
  }

  tell(invalidation: Invalidation): void {
    each(this.inboxes, (inbox) => inbox.offer(invalidation), this.report)
  }

  end(): void {
    this.hasEnded = true
    each(this.inboxes, (inbox) => inbox.end(), this.report)
  }

  /** All events from when it is run on, until the client ends. */
  readonly stream: Stream.Stream<Invalidation> = Stream.unwrap(
    Effect.map(this.open(), (inbox) => Stream.fromPull(Effect.succeed(inbox.take)))
  )

  private open(): Effect.Effect<Inbox, never, Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        const inbox = new Inbox()
        if (this.hasEnded) inbox.end()
        this.inboxes.add(inbox)
        return inbox
      }),
      (inbox) => Effect.sync(() => this.inboxes.delete(inbox))
    )
  }
}

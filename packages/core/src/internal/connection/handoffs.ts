/**
 * What the connections of one node have heard of maintenance, and what follows: more time for answers, and where to connect to while
 * the node's endpoint moves. Its shared connections ask for notices; the others profit from what those hear.
 */
import type * as Clock from "effect/Clock"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type { Address } from "../../Address.ts"
import type * as Resp from "../../Resp.ts"
import type { Connection } from "./connection.ts"
import * as Notices from "./notices.ts"
import type { Notice } from "./notices.ts"
import type { PushListener } from "./pushes.ts"
import { Relief } from "./relief.ts"

/** How long what has begun may last if its end is never told, in milliseconds, beyond the time that was announced. */
const lasting: Readonly<Record<Notices.Work, number>> = {
  Migrating: 120_000,
  FailingOver: 120_000,
  SlotsMigrating: 30_000
}

/** The least time for a connection to move, in milliseconds, whatever the server says. */
const leastTime = 1000

/** Times are in milliseconds of the Clock. */
export interface Move {
  /** The new endpoint; undefined if the one that was connected to leads there. */
  readonly endpoint: Address | undefined
  /** When to connect to it. */
  readonly from: number
  /** When the old one is gone. */
  readonly until: number
}

/** What one connection has heard. */
export interface Hearing {
  readonly listener: PushListener
  /** Where the connection leads to; undefined for the node's own address. */
  readonly via: Address | undefined
  /** Opens when the connection is told to move. */
  readonly told: Latch.Latch
  move: Move | undefined
}

export interface Options {
  readonly clock: Clock.Clock
  /** In milliseconds. */
  readonly commandTimeout: number
  /** The address that an endpoint in a push means; undefined if it may not be followed. */
  readonly locate: (endpoint: string) => Address | undefined
  readonly onNotice: (notice: Notice) => void
  /** Told what is wrong with a push, which is ignored. */
  readonly onUnread: (problem: string) => void
}

export class Handoffs {
  readonly relief: Relief
  private readonly options: Options
  private readonly hearings = new WeakMap<Connection, Hearing>()
  private move: Move | undefined

  constructor(options: Options) {
    this.options = options
    this.relief = new Relief(options.commandTimeout)
  }

  /** Where new connections go; undefined for the node's own address. */
  get via(): Address | undefined {
    const { move } = this
    return move !== undefined && this.now() < move.until ? move.endpoint : undefined
  }

  /** How long connections may take that are opened now, in milliseconds. One that comes later would lead astray. */
  get patience(): number {
    return this.via === undefined ? Infinity : this.move!.until - this.now()
  }

  /** When connections to the old endpoint are outdated, in milliseconds of the Clock; -Infinity if it has never moved. */
  get movesAt(): number {
    return this.move?.from ?? -Infinity
  }

  /** A listener for a connection that is about to be opened. */
  hearing(): Hearing {
    const onPush = (_kind: string, values: ReadonlyArray<Resp.Value>): void => {
      const notice = Notices.read(values)
      if (Result.isFailure(notice)) this.options.onUnread(notice.failure)
      else this.heard(notice.success, hearing)
    }
    const hearing: Hearing = {
      listener: { kinds: Notices.kinds, isNews: true, onPush },
      via: this.via,
      told: Latch.makeUnsafe(false),
      move: undefined
    }
    return hearing
  }

  hears(connection: Connection, hearing: Hearing): void {
    this.hearings.set(connection, hearing)
  }

  hearingOf(connection: Connection): Hearing | undefined {
    return this.hearings.get(connection)
  }

  /** Whether a connection leads to an endpoint that is not that of the node any more. Its own address still serves, for a while. */
  isAstray(connection: Connection): boolean {
    const via = this.hearings.get(connection)?.via
    return via !== undefined && via.key !== this.via?.key
  }

  private now(): number {
    return this.options.clock.currentTimeMillisUnsafe()
  }

  private heard(notice: Notice, hearing: Hearing): void {
    const { relief } = this
    const now = this.now()
    switch (notice._tag) {
      case "Moving": {
        const until = now + Math.max(notice.millis, leastTime)
        const endpoint = notice.endpoint === undefined ? undefined : this.options.locate(notice.endpoint)
        // A name may lead to the old place for a while, as the node's own address does.
        const from = endpoint === undefined ? now + notice.millis / 2 : now
        this.move = { endpoint, from, until }
        hearing.move = this.move
        hearing.told.openUnsafe()
        relief.begin("Moving", notice.seq, now, until)
        break
      }
      case "Begins":
        relief.begin(notice.work, notice.seq, now, now + notice.millis + lasting[notice.work])
        break
      case "Ended":
        relief.end(notice.work, notice.seq, now)
        break
      case "SlotsMoved":
        relief.end("SlotsMigrating", notice.seq, now)
        if (notice.unread !== undefined) this.options.onUnread(notice.unread)
    }
    this.options.onNotice(notice)
  }
}

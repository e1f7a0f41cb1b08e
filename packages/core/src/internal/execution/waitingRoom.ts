/**
 * Where commands wait while the node that has to execute them is away: it can't be reached, or it says that it can't serve. An
 * entry costs one suspended fiber and a small object. Nothing of it runs until the door opens, whatever happens meanwhile.
 *
 * A door is closed by the first failure that says so. It belongs to a node or, where nobody serves a slot, to that slot. Behind
 * it one trial at a time goes out, with growing pauses; the first reply that does not say "away" opens the door. Then all leave,
 * each slot's in the order in which they came, and whatever comes for such a slot meanwhile goes behind them.
 *
 * ```
 *   failure -> close(door)      wait:  [ slot 5: e d c b a ]  -- trial: a --> node
 *                                      [ slot 9: y x ]            |
 *                               door opens <-- any other reply ---'      then: b c d e, x y
 * ```
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type * as NodePool from "../../NodePool.ts"
import type { Failure } from "../failures/failure.ts"

/** The first pause between two trials, and the longest, in milliseconds. */
const minPause = 20
const maxPause = 1000

/** How often a node that can't be reached is looked at, in milliseconds: that costs nothing and sends nothing. */
const lookPause = 50

/** After this time, in milliseconds, a trial that has no outcome is followed by the next one. */
const trialTimeout = 1000

/** How often the map is asked for while somebody waits, in milliseconds. */
const refreshPause = 500

/** Among fewer entries than this, each gives up at its exact time. Otherwise they are looked through ten times a second. */
const few = 1000
const sweepPause = 100

/** So many entries leave at once. Then others have their turn. */
const portion = 256

/**
 * Why work leaves the room. `Go`: it is to be tried, with `trial` on behalf of all behind that door; with its `ticket` it gets its
 * place again if it comes back. `TooLate`: its time is up. `Full`: there was no room for it.
 */
export type Leave =
  | { readonly _tag: "Go"; readonly ticket: number; readonly trial: Door | undefined }
  | { readonly _tag: "TooLate"; readonly door: Door | undefined }
  | { readonly _tag: "Full"; readonly limit: number }
  | { readonly _tag: "Closed" }

/** Work that asks to wait. */
export interface Waiting {
  readonly slot: number
  /** When it gives up, in milliseconds of the Clock. */
  readonly until: number
  /** Whether it blocks, or holds a connection, once it goes out: it is no trial as long as there is another one. */
  readonly beside: boolean
  /** The ticket of an earlier stay: it goes back to its place. */
  readonly ticket: number | undefined
}

class Entry {
  readonly waiting: Waiting
  readonly ticket: number
  readonly leave: (leave: Leave) => void
  gone = false

  constructor(waiting: Waiting, ticket: number, leave: (leave: Leave) => void) {
    this.waiting = waiting
    this.ticket = ticket
    this.leave = leave
  }
}

/** A closed door: that of a node, or of a slot that its node does not serve. */
export class Door {
  /** The key of a node's address, or a slot. */
  readonly of: string | number
  readonly since: number
  failure: Failure
  tries = 0
  pause = minPause
  probeAt: number
  /** Trials that have gone out, and have no outcome yet. */
  trials = 0
  /** When the last of them went out. */
  trialAt = 0
  /** The last look that found somebody waiting behind it. */
  look: number

  constructor(of: string | number, failure: Failure, now: number, probeAt: number, look: number) {
    this.look = look
    this.of = of
    this.failure = failure
    this.since = now
    this.probeAt = probeAt
  }

  /** Notes another failure. Seen again, it is the same one. */
  isStillAway(failure: Failure): void {
    if (failure.reason === this.failure.reason) return
    this.failure = failure
    this.tries++
  }
}

export interface Options {
  readonly clock: Clock.Clock
  readonly soon: (task: () => void) => void
  readonly random: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The node that is to execute what is about a slot, by the map of this moment. */
  readonly nodeOf: (slot: number) => NodePool.Node | undefined
  readonly requestRefresh: () => void
  /** How many may wait. More are told that it is full. */
  readonly maxWaiting: number
}

/** What failures say about who is away: a node, the slot alone, or nobody. */
const awayIn = ({ node, reason }: Failure, slot: number): string | number | undefined => {
  switch (reason._tag) {
    case "NoNodeForSlot":
      return slot
    case "ClusterDown":
      if (reason.code === "UNBLOCKED") return undefined
      return reason.text.includes("Hash slot not served") ? slot : node
    case "AuthenticationFailed":
    case "ConnectionFailed":
    case "ConnectionLost":
    case "ProtocolViolation":
      return node
    default:
      return undefined
  }
}

const isAway = (failure: Failure, { of }: Door): boolean =>
  typeof of === "number" ? awayIn(failure, of) === of : awayIn(failure, -1) === of

export class WaitingRoom {
  private readonly options: Options
  private readonly queues = new Map<number, Array<Entry>>()
  private readonly doors = new Map<string | number, Door>()
  private readonly leaving = new Set<number>()
  private readonly hastened = Latch.makeUnsafe(false)
  /** The failure that is told to those who come for a slot from which others are still leaving. */
  private lastFailure: Failure | undefined
  private tickets = 0
  private count = 0
  private looks = 0
  private timerAt = Infinity
  private sweepAt = Infinity
  private refreshAt = 0
  private running = false
  private ended = false

  constructor(options: Options) {
    this.options = options
  }

  /** Whether nobody waits and no door is closed: then all else need not be asked. */
  get isEmpty(): boolean {
    return this.doors.size + this.queues.size === 0
  }

  /** How many wait, behind which doors. */
  get stats(): { readonly waiting: number; readonly away: ReadonlyArray<Door> } {
    return { waiting: this.count, away: Array.from(this.doors.values()) }
  }

  /** Why a command for a slot can't go to a node now: its door is closed, or others wait before it. */
  refusalOf(slot: number, node: string): Failure | undefined {
    const door = this.doors.get(slot) ?? this.doors.get(node)
    if (door !== undefined) return { ...door.failure, delivery: "NotSent" }
    return this.queues.get(slot)?.some(({ gone }) => !gone) === true ? this.lastFailure : undefined
  }

  /** Closes the door that a failure closes. Returns whether it closes one, so that waiting makes sense. */
  close(failure: Failure, slot: number): boolean {
    const of = awayIn(failure, slot)
    if (of === undefined || this.ended) return false
    this.lastFailure = { ...failure, delivery: "NotSent" }
    const known = this.doors.get(of)
    if (known === undefined) {
      const now = this.now()
      this.doors.set(of, new Door(of, failure, now, now + this.jittered(minPause / 2), this.looks + 1))
    }
    return true
  }

  /** Waits until it can be tried. */
  wait(waiting: Waiting): Effect.Effect<Leave> {
    return Effect.callback((resume) => {
      if (this.ended) return resume(Effect.succeed({ _tag: "Closed" }))
      const { maxWaiting: limit } = this.options
      if (waiting.ticket === undefined && this.count >= limit) return resume(Effect.succeed({ _tag: "Full", limit }))
      const entry = new Entry(waiting, waiting.ticket ?? ++this.tickets, (leave) => {
        if (go()) resume(Effect.succeed(leave))
      })
      const go = (): boolean => {
        if (entry.gone) return false
        entry.gone = true
        this.count--
        return true
      }
      this.count++
      this.enqueue(entry)
      this.note(waiting.until)
      this.run()
      this.look(waiting.slot)
      return Effect.sync(go)
    })
  }

  /** Runs a trial. Its outcome opens the door or postpones the next trial; without an outcome the next one may go out. */
  tried<A, E, R>(
    trial: Door,
    attempt: Effect.Effect<Result.Result<A, Failure>, E, R>
  ): Effect.Effect<Result.Result<A, Failure>, E, R> {
    return Effect.onExit(attempt, (exit) =>
      Effect.sync(() => {
        trial.trials--
        if (this.doors.get(trial.of) !== trial) return
        if (Exit.isFailure(exit)) return Cause.hasInterrupts(exit.cause) ? this.lookAll() : this.open(trial)
        const result = exit.value
        if (Result.isSuccess(result) || !isAway(result.failure, trial)) return this.open(trial)
        trial.isStillAway(result.failure)
        this.postpone(trial)
      }))
  }

  /** Looks at all that wait: the map has changed, or time has passed. */
  lookAll(): void {
    this.looks++
    // Those who leave may come back at once, and are not looked at again before the next look.
    const slots = Array.from(this.queues.keys())
    for (const slot of slots) this.look(slot)
    // With nobody behind it, a door would never be opened.
    for (const [of, door] of this.doors) if (door.look < this.looks && door.trials === 0) this.doors.delete(of)
  }

  /** Ends everybody's wait. */
  end(): void {
    this.ended = true
    const queues = [...this.queues.values()]
    this.queues.clear()
    this.doors.clear()
    for (const queue of queues) for (const entry of queue) entry.leave({ _tag: "Closed" })
  }

  private now(): number {
    return this.options.clock.currentTimeMillisUnsafe()
  }

  private jittered(millis: number): number {
    return Math.ceil(millis * (0.5 + this.options.random()))
  }

  /** Adds an entry by its ticket. Nearly always that is the last place. */
  private enqueue(entry: Entry): void {
    const { slot } = entry.waiting
    const queue = this.queues.get(slot)
    if (queue === undefined) {
      this.queues.set(slot, [entry])
      return
    }
    let at = queue.length
    while (at > 0 && queue[at - 1].ticket > entry.ticket) at--
    queue.splice(at, 0, entry)
  }

  private open(door: Door): void {
    this.doors.delete(door.of)
    this.options.soon(() => this.lookAll())
  }

  private postpone(door: Door): void {
    door.pause = Math.min(door.pause * 2, maxPause)
    door.probeAt = this.now() + this.jittered(door.pause)
    this.hasten(door.probeAt)
  }

  /** The door that a slot is behind by now: its own, or that of its node. */
  private doorOf(slot: number, node: NodePool.Node): Door | undefined {
    return this.doors.get(slot) ?? this.doors.get(node.address.key)
  }

  /** Lets those of a slot leave who can, or one of them go out as a trial. */
  private look(slot: number): void {
    const queue = this.queues.get(slot)
    if (queue === undefined || this.leaving.has(slot)) return
    const node = this.options.nodeOf(slot)
    // Nobody serves the slot: only another map helps.
    if (node === undefined) return
    const door = this.doorOf(slot, node)
    if (door === undefined) return this.flush(slot)
    door.look = Math.max(door.look, this.looks)
    const now = this.now()
    const isOpenTrial = door.trials > 0 && now - door.trialAt < trialTimeout
    if (isOpenTrial || now < door.probeAt) return this.hasten(isOpenTrial ? door.trialAt + trialTimeout : door.probeAt)
    const absence = node.absence()
    if (absence !== undefined) {
      door.isStillAway(absence)
      door.probeAt = now + lookPause
      return this.hasten(door.probeAt)
    }
    const entry = queue.find(({ gone, waiting }) => !gone && !waiting.beside) ?? queue.find(({ gone }) => !gone)
    if (entry === undefined) {
      this.queues.delete(slot)
      return
    }
    queue.splice(queue.indexOf(entry), 1)
    if (queue.length === 0) this.queues.delete(slot)
    door.trials++
    door.trialAt = now
    this.hasten(now + trialTimeout)
    entry.leave({ _tag: "Go", ticket: entry.ticket, trial: door })
  }

  /** Lets all of a slot leave, in portions, as long as its door is open. */
  private flush(slot: number): void {
    const queue = this.queues.get(slot)
    if (queue === undefined) return
    this.leaving.add(slot)
    const leaving = queue.splice(0, portion)
    if (queue.length === 0) this.queues.delete(slot)
    for (const entry of leaving) entry.leave({ _tag: "Go", ticket: entry.ticket, trial: undefined })
    this.leaving.delete(slot)
    if (this.queues.has(slot)) this.options.soon(() => this.look(slot))
  }

  private note(until: number): void {
    this.sweepAt = Math.min(this.sweepAt, this.sweepTime(until))
    this.hasten(this.sweepAt)
  }

  private sweepTime(until: number): number {
    return this.count < few ? until : Math.ceil(until / sweepPause) * sweepPause
  }

  /** Lets those go whose time is up, and forgets those who have gone. */
  private sweep(now: number): void {
    let next = Infinity
    const late: Array<Entry> = []
    for (const [slot, queue] of this.queues) {
      const left = queue.filter((entry) => {
        if (entry.gone) return false
        if (entry.waiting.until > now) {
          next = Math.min(next, entry.waiting.until)
          return true
        }
        late.push(entry)
        return false
      })
      if (left.length === 0) this.queues.delete(slot)
      else this.queues.set(slot, left)
    }
    this.sweepAt = this.sweepTime(next)
    for (const entry of late) {
      const node = this.options.nodeOf(entry.waiting.slot)
      const door = node === undefined ? this.doors.get(entry.waiting.slot) : this.doorOf(entry.waiting.slot, node)
      entry.leave({ _tag: "TooLate", door })
    }
  }

  private hasten(at: number): void {
    if (at >= this.timerAt) return
    this.timerAt = at
    this.hastened.openUnsafe()
  }

  /** One timer for all that wait. It runs for as long as somebody does. */
  private run(): void {
    if (this.running) return
    this.running = true
    const pause = Effect.suspend(() => {
      this.hastened.closeUnsafe()
      const at = Math.min(this.timerAt, this.refreshAt)
      return Effect.raceFirst(Effect.sleep(Math.max(at - this.now(), 0)), this.hastened.await)
    })
    const turn = Effect.sync(() => {
      const now = this.now()
      if (now >= this.timerAt) this.timerAt = Infinity
      if (now >= this.sweepAt) this.sweep(now)
      this.hasten(this.sweepAt)
      if (now >= this.refreshAt) {
        this.refreshAt = now + refreshPause
        this.options.requestRefresh()
      }
      this.lookAll()
      if (this.queues.size === 0) this.running = false
    })
    this.refreshAt = this.now() + refreshPause
    this.options.fork(Effect.repeat(Effect.andThen(pause, turn), { until: () => !this.running }))
  }
}

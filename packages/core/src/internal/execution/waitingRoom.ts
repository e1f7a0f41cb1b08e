/**
 * Where commands wait while the node that has to execute them is away: it can't be reached, or it says that it can't serve. An
 * entry costs one suspended fiber and a small object. Nothing of it runs until the door opens, whatever happens meanwhile.
 *
 * A door is closed by the first failure that says so. It belongs to a node (or to one of its connections, or to its writes) or,
 * where nobody serves a slot, to that slot. Behind it one trial at a time goes out, with growing pauses; the first reply that does
 * not say "away" opens the door. Then all leave, each slot's in the order in which they came, and whatever comes for such a slot
 * meanwhile goes behind them. A door with nobody behind it is open.
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
import { awayIn, Door, isReply, isUnreachable, lineOf, trialTimeout, writesOf } from "./door.ts"
import type { About, Key } from "./door.ts"

/** How often a node that can't be reached is looked at, in milliseconds: that costs nothing and sends nothing. */
const lookPause = 50

/** How often the map is asked for while somebody waits, in milliseconds. */
const refreshPause = 500

/** A door that is closed again within this time, in milliseconds, goes on with the pauses that it had. */
const steady = 2000

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
export interface Waiting extends About {
  /** When it gives up, in milliseconds of the Clock. */
  readonly until: number
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

export interface Options {
  readonly clock: Clock.Clock
  readonly soon: (task: () => void) => void
  readonly random: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The node that is to execute what is about a slot, by the map of this moment. */
  readonly nodeOf: (slot: number) => NodePool.Node | undefined
  /** Whether the connection to a node that a slot shares with others is open. */
  readonly isOpen: (node: string, slot: number) => boolean
  readonly requestRefresh: () => void
  /** How many may wait. More are told that it is full. */
  readonly maxWaiting: number
  /** How many shared connections each node has. */
  readonly connectionsPerNode: number
}

export class WaitingRoom {
  private readonly options: Options
  private readonly queues = new Map<number, Array<Entry>>()
  private readonly doors = new Map<Key, Door>()
  /** Doors that were opened lately, by their key. */
  private readonly opened = new Map<Key, Door>()
  private readonly leaving = new Set<number>()
  private readonly hastened = Latch.makeUnsafe(false)
  /** The failure that is told to those who come for a slot from which others are still leaving. */
  private lastFailure: Failure | undefined
  private tickets = 0
  private count = 0
  /** How many entries have gone and are still in their queues. */
  private gone = 0
  private timerAt = Infinity
  private sweepAt = Infinity
  private refreshAt = 0
  private turnAt = 0
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
  refusalOf(slot: number, node: string, reads: boolean): Failure | undefined {
    const door = this.doorOf(slot, node)
    if (door !== undefined) {
      return reads && door.key === writesOf(node) ? undefined : { ...door.failure, delivery: "NotSent" }
    }
    return this.queues.get(slot)?.some(({ gone }) => !gone) === true ? this.lastFailure : undefined
  }

  /** Whether work has to wait, because its door is closed or others wait before it. */
  holds({ reads, slot }: About): boolean {
    if (this.isEmpty) return false
    const node = this.options.nodeOf(slot)
    return node === undefined || this.refusalOf(slot, node.address.key, reads) !== undefined
  }

  /**
   * Closes the door that a failure closes. Returns whether it closes one, so that waiting makes sense. That a connection of its
   * own can't be had (`beside`) says nothing of the node while the shared one is open.
   */
  close(failure: Failure, of: About): boolean {
    const key = awayIn(failure, of, this.options.connectionsPerNode)
    if (key === undefined || this.ended) return false
    if (of.beside && isUnreachable(failure) && this.options.isOpen(failure.node!, of.slot)) return false
    this.lastFailure = { ...failure, delivery: "NotSent" }
    if (this.doors.has(key)) return true
    const now = this.now()
    const door = new Door(key, failure, now)
    const before = this.opened.get(key)
    if (before !== undefined && now - before.openedAt < steady) door.follows(before)
    door.probeAt = now + this.jittered(door.pause / 2)
    this.doors.set(key, door)
    this.run()
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
      const interrupted = Effect.sync(() => {
        if (go()) this.forget()
      })
      this.count++
      this.enqueue(entry)
      this.note(waiting.until)
      this.run()
      if (this.look(waiting.slot) !== undefined) this.hasten(this.now())
      return interrupted
    })
  }

  /** Runs a trial. Its outcome opens the door or postpones the next trial; without an outcome the next one may go out. */
  tried<A, E, R>(
    trial: Door,
    of: About,
    attempt: Effect.Effect<Result.Result<A, Failure>, E, R>
  ): Effect.Effect<Result.Result<A, Failure>, E, R> {
    return Effect.onExit(attempt, (exit) =>
      Effect.sync(() => {
        const now = this.now()
        const failure = Exit.isSuccess(exit) && Result.isFailure(exit.value) ? exit.value.failure : undefined
        const isAway = failure !== undefined && awayIn(failure, of, this.options.connectionsPerNode) === trial.key
        trial.trials--
        trial.neededAt = now
        if (isAway && trial.isIdle && !this.doors.has(trial.key) && !this.ended) {
          trial.isIdle = false
          this.doors.set(trial.key, trial)
          this.run()
        }
        if (this.doors.get(trial.key) !== trial) return
        if (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return this.lookAll()
        if (failure === undefined || !isAway && isReply(failure)) return this.open(trial)
        if (isAway) trial.remainsAway(failure)
        this.postpone(trial)
      }))
  }

  /** Looks at all that wait: the map has changed, or time has passed. */
  lookAll(): void {
    const now = this.now()
    const besides = new Map<Door, Array<number>>()
    // Those who leave may come back at once, and are not looked at again before the next look.
    const slots = Array.from(this.queues.keys())
    for (const slot of slots) {
      const door = this.look(slot)
      if (door !== undefined) besides.set(door, [...besides.get(door) ?? [], slot])
    }
    for (const [door, slots] of besides) this.tryBesides(door, slots)
    // With nobody behind it, a door would never be opened.
    for (const [key, door] of this.doors) {
      if (now - door.neededAt < lookPause || door.isTried(now)) continue
      door.isIdle = true
      this.doors.delete(key)
    }
    for (const [key, { openedAt }] of this.opened) if (now - openedAt >= steady) this.opened.delete(key)
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
    this.doors.delete(door.key)
    door.openedAt = this.now()
    this.opened.set(door.key, door)
    this.options.soon(() => this.lookAll())
  }

  private postpone(door: Door): void {
    door.postpone(this.now(), 0.5 + this.options.random())
    this.hasten(door.probeAt)
  }

  /** The door that a slot is behind by now: its own, or that of its node. */
  private doorOf(slot: number, node: string): Door | undefined {
    const { doors } = this
    return doors.get(slot) ?? doors.get(node) ?? doors.get(lineOf(slot, node, this.options.connectionsPerNode)) ??
      doors.get(writesOf(node))
  }

  /**
   * Lets those of a slot leave who can, or one of them go out as a trial. Returns the door if a trial could go out, but only
   * those are there that would block.
   */
  private look(slot: number): Door | undefined {
    if (!this.queues.has(slot) || this.leaving.has(slot)) return undefined
    const node = this.options.nodeOf(slot)
    const door = node === undefined ? this.doors.get(slot) : this.doorOf(slot, node.address.key)
    if (door !== undefined) door.neededAt = this.now()
    // Nobody serves the slot: only another map helps.
    if (node === undefined) return undefined
    if (door === undefined) {
      this.flush(slot)
      return undefined
    }
    if (door.key === writesOf(node.address.key)) this.letReads(slot)
    const now = this.now()
    const isTried = door.isTried(now)
    const absence = isTried || now < door.probeAt ? undefined : node.absence(slot)
    if (absence !== undefined) {
      door.remainsAway(absence)
      door.probeAt = now + lookPause
    }
    if (isTried || now < door.probeAt) {
      this.hasten(isTried ? door.trialAt + trialTimeout : door.probeAt)
      return undefined
    }
    const queue = this.queues.get(slot) ?? []
    const entry = queue.find(({ gone, waiting }) => !gone && !waiting.beside)
    if (entry !== undefined) this.try(door, entry)
    else if (queue.some(({ gone }) => !gone)) return door
    else this.queues.delete(slot)
    return undefined
  }

  /**
   * Tries work that blocks, since nothing else is there to try. An answer may take as long as it likes. As long as none refuses,
   * twice as many go out each time.
   */
  private tryBesides(door: Door, slots: ReadonlyArray<number>): void {
    if (door.isTried(this.now())) return
    let left = Math.max(door.trials, 1)
    for (const slot of slots) {
      const entries = (this.queues.get(slot) ?? []).filter(({ gone }) => !gone)
      for (const entry of entries) {
        if (left === 0 || this.doors.get(door.key) !== door || this.now() < door.probeAt) return
        left--
        this.try(door, entry)
      }
    }
  }

  private try(door: Door, entry: Entry): void {
    const { slot } = entry.waiting
    const queue = this.queues.get(slot)!
    queue.splice(queue.indexOf(entry), 1)
    if (queue.length === 0) this.queues.delete(slot)
    door.trials++
    door.trialAt = this.now()
    this.hasten(door.trialAt + trialTimeout)
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

  /** Lets the reads of a slot leave whose node refuses writes only. */
  private letReads(slot: number): void {
    const queue = this.queues.get(slot) ?? []
    const reads = queue.filter(({ waiting }) => waiting.reads)
    if (reads.length === 0) return
    this.queues.set(slot, queue.filter(({ waiting }) => !waiting.reads))
    for (const entry of reads) entry.leave({ _tag: "Go", ticket: entry.ticket, trial: undefined })
  }

  private note(until: number): void {
    this.sweepAt = Math.min(this.sweepAt, this.sweepTime(until))
    this.hasten(this.sweepAt)
  }

  /** Forgets those who were interrupted, once they are more than those who wait: nothing else may ever look at them. */
  private forget(): void {
    this.gone++
    if (this.gone > few && this.gone > this.count) this.sweep(this.now())
  }

  private sweepTime(until: number): number {
    return this.count < few ? until : Math.ceil(until / sweepPause) * sweepPause
  }

  /** Lets those go whose time is up, and forgets those who have gone. */
  private sweep(now: number): void {
    let next = Infinity
    this.gone = 0
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
      const door = node === undefined
        ? this.doors.get(entry.waiting.slot)
        : this.doorOf(entry.waiting.slot, node.address.key)
      entry.leave({ _tag: "TooLate", door })
    }
  }

  private hasten(at: number): void {
    if (at >= this.timerAt) return
    this.timerAt = at
    this.hastened.openUnsafe()
  }

  /** One timer for all that wait. It runs for as long as somebody does, or a door is closed. */
  private run(): void {
    if (this.running) return
    this.running = true
    const pause = Effect.suspend(() => {
      this.hastened.closeUnsafe()
      const millis = Math.min(this.timerAt, this.refreshAt) - this.now()
      return Effect.raceFirst(Effect.sleep(Math.min(Math.max(millis, 0), refreshPause)), this.hastened.await)
    })
    const turn = Effect.sync(() => {
      const now = this.now()
      if (now < this.turnAt) this.setBack(now)
      this.turnAt = now
      if (now >= this.timerAt) this.timerAt = Infinity
      if (now >= this.sweepAt) this.sweep(now)
      this.hasten(this.sweepAt)
      if (now >= this.refreshAt) {
        this.refreshAt = now + refreshPause
        if (this.queues.size > 0) this.options.requestRefresh()
      }
      this.lookAll()
      if (this.isEmpty && this.opened.size === 0) this.running = false
    })
    this.turnAt = this.now()
    this.refreshAt = this.turnAt + refreshPause
    // The clock, the chance and the connector may be a program's own, and throw.
    const survived = Effect.catchDefect(turn, (error) => Effect.logError("the waiting room's timer has thrown", error))
    this.options.fork(Effect.repeat(Effect.andThen(pause, survived), { until: () => !this.running }))
  }

  /** The clock was set back: what was due soon would be due much later. */
  private setBack(now: number): void {
    this.timerAt = Infinity
    this.refreshAt = now
    this.sweepAt = now
    for (const door of this.doors.values()) {
      door.neededAt = Math.min(door.neededAt, now)
      door.probeAt = Math.min(door.probeAt, now)
      door.trialAt = Math.min(door.trialAt, now)
    }
  }
}

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
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type * as NodePool from "../../NodePool.ts"
import type * as ReadFrom from "../../ReadFrom.ts"
import { each } from "../connection/strays.ts"
import type { Report } from "../connection/strays.ts"
import type { Failure } from "../failures/failure.ts"
import {
  answersNoReads,
  awayIn,
  Door,
  isReply,
  isUnreachable,
  lineOf,
  numberOf,
  placeOf,
  readersOf,
  refusalOf,
  trialTimeout,
  writesOf
} from "./door.ts"
import type { About, Key, Place } from "./door.ts"
import { Places } from "./places.ts"
import type { Guest, Leave, Waiting } from "./queue.ts"

/** How often a node that can't be reached is looked at, in milliseconds: that costs nothing and sends nothing. */
const lookPause = 50

/** How often it is told who is away, in milliseconds. */
const tellPause = 500

/** A door that is closed again within this time, in milliseconds, goes on with the pauses that it had. */
const steady = 2000

/** Among fewer entries than this, each gives up at its exact time. Otherwise they are looked through ten times a second. */
const few = 1000
const sweepPause = 100

/** So many entries leave at once. Then others have their turn. */
const portion = 256

const goes = (guest: Guest): Leave => ({ _tag: "Go", ticket: guest.ticket!, trial: undefined })

/** A guest that is waited for by a fiber of its own. */
class Waiter implements Guest {
  readonly slot: number
  readonly readFrom: ReadFrom.ReadFrom
  readonly beside: boolean
  readonly reads: boolean
  readonly until: number
  readonly also: ReadonlyArray<number> | undefined
  readonly rank: number | undefined
  ticket: number | undefined
  gone = true
  private readonly resume: (effect: Effect.Effect<Leave>) => void

  constructor(
    { also, beside, rank, readFrom, reads, slot, ticket, until }: Waiting,
    resume: (effect: Effect.Effect<Leave>) => void
  ) {
    this.slot = slot
    this.readFrom = readFrom
    this.beside = beside
    this.reads = reads
    this.until = until
    this.also = also
    this.rank = rank
    this.ticket = ticket
    this.resume = resume
  }

  leave(leave: Leave): void {
    this.resume(Exit.succeed(leave))
  }
}

export interface Options {
  readonly clock: Clock.Clock
  readonly soon: (task: () => void) => void
  /** Told what a program's own functions have thrown: its clock, its chance, its connector and its fibers' observers. */
  readonly report: Report
  readonly random: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The node that is to execute what is about a slot, by the map of this moment. */
  readonly nodeOf: (slot: number, readFrom: ReadFrom.ReadFrom) => NodePool.Node | undefined
  /** A name for the shard that serves a slot. */
  readonly shardOf: (slot: number) => string | undefined
  /** Whether the connection to a node that a slot shares with others is open. */
  readonly isOpen: (node: string, slot: number) => boolean
  /** Told again and again of each node that is away, and with undefined of slots that nobody serves. */
  readonly onAway: (node: string | undefined) => void
  /** How many may wait for one shard. More are told that it is full. */
  readonly maxWaiting: number
  /** How many shared connections each node has. */
  readonly connectionsPerNode: number
}

export class WaitingRoom {
  private readonly options: Options
  private readonly places: Places
  private readonly doors = new Map<Key, Door>()
  /** Of whom there are doors, so that commands for all others need not look for one. */
  private readonly suspects = new Set<string | number>()
  /** Doors that were opened lately, by their key. */
  private readonly opened = new Map<Key, Door>()
  private readonly leaving = new Set<number>()
  private readonly hastened = Latch.makeUnsafe(false)
  /** The failure that is told to those who come for a slot from which others are still leaving. */
  private lastFailure: Failure | undefined
  private time = 0
  private timerAt = Infinity
  private sweepAt = Infinity
  private tellAt = 0
  private turnAt = 0
  private running = false
  private ended = false

  constructor(options: Options) {
    this.options = options
    this.places = new Places(options.maxWaiting, options.shardOf)
  }

  /** Whether nobody waits and no door is closed: then all else need not be asked. */
  get isEmpty(): boolean {
    return this.doors.size === 0 && this.places.isEmpty
  }

  /** How many wait, behind which doors. */
  get stats(): { readonly waiting: number; readonly away: ReadonlyArray<Door> } {
    return { waiting: this.places.count, away: Array.from(this.doors.values()) }
  }

  /** Why a command can't go to a node now: its door is closed, or others wait before it. */
  refusalOf(
    slot: number,
    readFrom: ReadFrom.ReadFrom,
    node: Pick<NodePool.Node, "address"> | undefined,
    reads: boolean
  ): Failure | undefined {
    const door = this.doorOf(slot, readFrom, node)
    if (door !== undefined) {
      return reads && door.isOfWrites ? undefined : door.refusal
    }
    // Of a slot that has no node by now, the reason is that it has none.
    if (node === undefined || this.places.at(numberOf(slot, readFrom)) === undefined) return undefined
    return this.lastFailure && { ...this.lastFailure, node: node.address.key }
  }

  /** Whether work has to wait, because its door is closed or others wait before it. */
  holds({ readFrom, reads, slot }: About): boolean {
    if (this.isEmpty) return false
    const node = this.options.nodeOf(slot, readFrom)
    return node === undefined || this.refusalOf(slot, readFrom, node, reads) !== undefined
  }

  /**
   * Closes the door that a failure closes. Returns whether it closes one, so that waiting makes sense. That a connection of its
   * own can't be had (`beside`) says nothing of the node while the shared one is open.
   */
  close(failure: Failure, of: About): boolean {
    const key = this.keyOf(failure, of)
    if (key === undefined || this.ended) return false
    if (of.readFrom !== "primary" && this.canRead(failure, of)) return false
    if (of.beside && isUnreachable(failure) && this.options.isOpen(failure.node!, of.slot)) return false
    this.lastFailure = refusalOf(failure)
    if (this.doors.has(key)) return true
    const now = this.now()
    const door = new Door(key, of, failure, now)
    const before = this.opened.get(key)
    if (before !== undefined && now - before.openedAt < steady) door.follows(before)
    door.probeAt = now + Math.ceil(door.pause / 2 * this.jitter())
    this.shut(door)
    return true
  }

  /** A ticket for work that is begun now: should it have to wait, it will before all that is begun later. */
  draw(): number {
    return this.places.draw()
  }

  /** Takes a guest in. It is told to leave at once if there is no room for it, or no reason to wait. */
  enter(guest: Guest): void {
    if (this.ended) return guest.leave({ _tag: "Closed" })
    if (!this.places.take(guest)) return guest.leave({ _tag: "Full", limit: this.options.maxWaiting })
    this.note(guest.until)
    this.run()
    if (this.look(numberOf(guest.slot, guest.readFrom)) !== undefined) this.hasten(this.now())
  }

  /** Forgets a guest that does not want to wait any longer. */
  forget(guest: Guest): void {
    if (guest.gone) return
    this.places.leaves(guest)
    this.places.forget()
    this.leadsNoMore(guest)
  }

  /** Those may go now who waited behind it in further slots. */
  private leadsNoMore(guest: Guest): void {
    if (guest.also !== undefined) this.hasten(this.now())
  }

  /** Waits until it can be tried. */
  wait(waiting: Waiting): Effect.Effect<Leave> {
    return Effect.callback((resume) => {
      const guest = new Waiter(waiting, resume)
      this.enter(guest)
      return Effect.sync(() => this.forget(guest))
    })
  }

  /** Runs a trial. */
  tried<A, E, R>(
    trial: Door,
    of: About,
    attempt: Effect.Effect<Result.Result<A, Failure>, E, R>
  ): Effect.Effect<Result.Result<A, Failure>, E, R> {
    return Effect.onExit(attempt, (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return this.withdrawn(trial)
        this.judge(trial, of, Exit.isSuccess(exit) && Result.isFailure(exit.value) ? exit.value.failure : undefined)
      }))
  }

  /** A trial has an outcome, which opens its door or postpones the next trial: a failure, or undefined for an answer. */
  judge(trial: Door, of: About, failure: Failure | undefined): void {
    const isAway = failure !== undefined && this.keyOf(failure, of) === trial.key
    trial.trials--
    trial.neededAt = this.now()
    if (isAway && trial.isIdle && !this.doors.has(trial.key) && !this.ended) {
      trial.isIdle = false
      this.shut(trial)
    }
    if (this.doors.get(trial.key) !== trial) return
    if (failure === undefined || !isAway && isReply(failure)) return this.open(trial)
    if (isAway) trial.remainsAway(failure)
    this.postpone(trial)
  }

  /** A trial was interrupted: the next one may go out. */
  withdrawn(trial: Door): void {
    trial.trials--
    trial.neededAt = this.now()
    if (this.doors.get(trial.key) === trial) this.lookAll()
  }

  /** Looks at all that wait: the map has changed, or time has passed. */
  lookAll(): void {
    const now = this.now()
    const besides = new Map<Door, Array<number>>()
    // Those who leave may come back at once, and are not looked at again before the next look.
    for (const place of this.places.all()) {
      const door = this.look(place)
      if (door !== undefined) besides.set(door, [...besides.get(door) ?? [], place])
    }
    for (const [door, places] of besides) this.tryBesides(door, places)
    // With nobody behind it, a door would never be opened.
    for (const door of this.doors.values()) {
      if (now - door.neededAt < lookPause || door.isTried(now)) continue
      door.isIdle = true
      this.unhinge(door)
    }
    for (const [key, { openedAt }] of this.opened) if (now - openedAt >= steady) this.opened.delete(key)
  }

  /** Ends everybody's wait. */
  end(): void {
    this.ended = true
    this.doors.clear()
    this.suspects.clear()
    this.releaseAll(this.places.takeAll(), () => ({ _tag: "Closed" }))
  }

  /** The time. While the clock throws, it stands still. */
  now(): number {
    try {
      this.time = this.options.clock.currentTimeMillisUnsafe()
    } catch (error) {
      this.options.report(error)
    }
    return this.time
  }

  /** The door that a failure closes; undefined if it says of nobody to be away. */
  keyOf(failure: Failure, of: About): Key | undefined {
    if (of.readFrom === "primary") return awayIn(failure, of, this.options.connectionsPerNode)
    return answersNoReads(failure) ? this.readersOf(of.slot, of.readFrom) : undefined
  }

  /** The key of a slot's readers. Of a slot without a shard it is the slot. */
  private readersOf(slot: number, readFrom: ReadFrom.ReadFrom): Key {
    const shard = this.options.shardOf(slot)
    return shard === undefined ? slot : readersOf(shard, readFrom)
  }

  /** Whether another node than the one that failed may answer a read. */
  private canRead({ node: failed }: Failure, { readFrom, slot }: Place): boolean {
    const node = this.options.nodeOf(slot, readFrom)
    return node !== undefined && node.address.key !== failed && node.absence(slot) === undefined
  }

  /** A number from 0.5 to 1.5. */
  private jitter(): number {
    try {
      return 0.5 + this.options.random()
    } catch (error) {
      this.options.report(error)
      return 1
    }
  }

  private soon(task: () => void): void {
    const { report, soon } = this.options
    const guarded = () => each([task], (task) => task(), report)
    each([guarded], soon, report)
  }

  private shut(door: Door): void {
    this.doors.set(door.key, door)
    this.suspects.add(door.of)
    this.run()
  }

  /** Takes a door away. */
  private unhinge(door: Door): void {
    this.doors.delete(door.key)
    this.suspects.clear()
    for (const { of } of this.doors.values()) this.suspects.add(of)
  }

  private open(door: Door): void {
    this.unhinge(door)
    door.openedAt = this.now()
    this.opened.set(door.key, door)
    this.soon(() => this.lookAll())
  }

  private postpone(door: Door): void {
    door.postpone(this.now(), this.jitter())
    this.hasten(door.probeAt)
  }

  /** The door that a slot is behind by now: its own, that of its node, or that of its readers. */
  private doorOf(
    slot: number,
    readFrom: ReadFrom.ReadFrom,
    of: Pick<NodePool.Node, "address"> | undefined
  ): Door | undefined {
    const { doors, suspects } = this
    if (readFrom !== "primary") return doors.get(this.readersOf(slot, readFrom))
    const ofSlot = doors.get(slot)
    if (ofSlot !== undefined) return ofSlot
    const node = of?.address.key
    if (node === undefined || !suspects.has(node)) return undefined
    return doors.get(node) ?? doors.get(lineOf(slot, node, this.options.connectionsPerNode)) ??
      doors.get(writesOf(node))
  }

  /**
   * Lets those of a slot leave who can, or one of them go out as a trial. Returns the door if a trial could go out, but only
   * those are there that would block.
   */
  private look(place: number): Door | undefined {
    if (this.leaving.has(place) || this.places.at(place) === undefined) return undefined
    const { readFrom, slot } = placeOf(place)
    const node = this.options.nodeOf(slot, readFrom)
    const door = this.doorOf(slot, readFrom, node)
    if (door !== undefined) door.neededAt = this.now()
    // Nobody serves the slot: only another map helps, or news of a replica.
    if (node === undefined) return undefined
    if (door === undefined) {
      this.flush(place)
      return undefined
    }
    if (door.isOfWrites) this.letReads(place)
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
    const queue = this.places.at(place)
    const guest = queue?.find((guest) => !guest.beside && (guest.leader === undefined || this.isHeldUp(guest)))
    if (queue !== undefined && guest === undefined) return door
    // For the first of them its leader goes out.
    if (guest !== undefined && guest.leader === undefined) this.try(door, guest)
    return undefined
  }

  /**
   * Tries work that blocks, since nothing else is there to try. An answer may take as long as it likes. As long as none refuses,
   * twice as many go out each time.
   */
  private tryBesides(door: Door, places: ReadonlyArray<number>): void {
    if (door.isTried(this.now())) return
    let left = Math.max(door.trials, 1)
    for (const place of places) {
      for (const guest of this.places.at(place)?.all() ?? []) {
        if (guest.leader !== undefined) continue
        if (left === 0 || this.doors.get(door.key) !== door || this.now() < door.probeAt) return
        left--
        this.try(door, guest)
      }
    }
  }

  private try(door: Door, guest: Guest): void {
    this.places.remove(guest)
    door.trials++
    door.trialAt = this.now()
    this.hasten(door.trialAt + trialTimeout)
    this.releaseAll([guest], ({ ticket }) => ({ _tag: "Go", ticket: ticket!, trial: door }))
  }

  /** Lets all of a slot leave, in portions, as long as its door is open. */
  private flush(place: number): void {
    const queue = this.places.at(place)
    if (queue === undefined) return
    this.leaving.add(place)
    const leaving = queue.take(portion, (guest) => this.isHeldUp(guest))
    this.releaseAll(leaving, goes)
    this.leaving.delete(place)
    if (leaving.length > 0 && this.places.at(place) !== undefined) this.soon(() => this.look(place))
  }

  /** Whether whoever is behind it has to wait until its leader has left: at the same node, so that the leader is not far behind. */
  private isHeldUp({ gone, leader, readFrom, slot }: Guest): boolean {
    if (leader === undefined || gone) return false
    return this.options.nodeOf(slot, readFrom) === this.options.nodeOf(leader.slot, readFrom)
  }

  /** Lets the reads of a slot leave whose node refuses writes only. */
  private letReads(place: number): void {
    this.releaseAll(this.places.at(place)?.takeAll(({ reads }) => reads) ?? [], goes)
  }

  private note(until: number): void {
    this.sweepAt = Math.min(this.sweepAt, this.sweepTime(until))
    this.hasten(this.sweepAt)
  }

  /** Ends a guest's stay. */
  private release(guest: Guest, leave: Leave): void {
    if (guest.gone || guest.leader !== undefined) return
    this.places.leaves(guest)
    guest.leave(leave)
    this.leadsNoMore(guest)
  }

  private releaseAll(guests: ReadonlyArray<Guest>, how: (guest: Guest) => Leave): void {
    each(guests, (guest) => this.release(guest, how(guest)), this.options.report)
  }

  private sweepTime(until: number): number {
    return this.places.count < few ? until : Math.ceil(until / sweepPause) * sweepPause
  }

  /** Lets those go whose time is up. */
  private sweep(now: number): void {
    const { late, next } = this.places.takeLate(now)
    this.sweepAt = this.sweepTime(next)
    this.releaseAll(late, ({ readFrom, slot }) => ({
      _tag: "TooLate",
      door: this.doorOf(slot, readFrom, this.options.nodeOf(slot, readFrom))
    }))
  }

  private hasten(at: number): void {
    if (at >= this.timerAt) return
    this.timerAt = at
    // At once it would run in the middle of what is going on here.
    this.soon(() => this.hastened.openUnsafe())
  }

  /** One timer for all that wait. It runs for as long as somebody does, or a door is closed. */
  private run(): void {
    if (this.running) return
    this.running = true
    const pause = Effect.suspend(() => {
      this.hastened.closeUnsafe()
      const millis = Math.min(this.timerAt, this.tellAt) - this.now()
      return Effect.raceFirst(Effect.sleep(Math.min(Math.max(millis, 0), tellPause)), this.hastened.await)
    })
    const turn = Effect.sync(() => {
      const now = this.now()
      if (now < this.turnAt) this.setBack(now)
      this.turnAt = now
      if (now >= this.timerAt) this.timerAt = Infinity
      if (now >= this.sweepAt) this.sweep(now)
      this.hasten(this.sweepAt)
      if (now >= this.tellAt) {
        this.tellAt = now + tellPause
        this.tell()
      }
      this.lookAll()
      if (this.isEmpty && this.opened.size === 0) this.running = false
    })
    this.turnAt = this.now()
    this.tellAt = this.turnAt + tellPause
    // The clock may be a program's own, and its sleep a defect.
    const survived = Effect.catchDefect(Effect.andThen(pause, turn), (error) => {
      this.options.report(error)
      return Effect.provideService(Effect.sleep(tellPause), Clock.Clock, Clock.Clock.defaultValue())
    })
    this.options.fork(Effect.repeat(survived, { until: () => !this.running }))
  }

  /** Tells who is away: those who wait don't try, and so can't do it. */
  private tell(): void {
    if (this.places.isEmpty) return
    const nodes = new Set(Array.from(this.doors.values(), ({ failure }) => failure.node))
    if (nodes.size === 0) nodes.add(undefined)
    for (const node of nodes) this.options.onAway(node)
  }

  /** The clock was set back: what was due soon would be due much later. */
  private setBack(now: number): void {
    this.timerAt = Infinity
    this.tellAt = now
    this.sweepAt = now
    for (const door of [...this.doors.values(), ...this.opened.values()]) door.setBack(now)
  }
}

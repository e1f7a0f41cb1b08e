/**
 * The client's cache: replies that are kept, reads that are on their way, and what makes either of them old.
 *
 * A reply is kept only if nothing has happened since its read began that may have changed it: no push about its keys, no write of
 * this client to them, the same connection, and the same owner of its slot. It is valid for as long as that stays so.
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as Resp from "../../Resp.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { Call } from "../connection/call.ts"
import type { Keeper, Watch } from "../connection/keepers.ts"
import type { Report } from "../connection/strays.ts"
import type { Failure } from "../failures/failure.ts"
import { Flight } from "./flight.ts"
import type { Passenger } from "./flight.ts"
import { Flights } from "./flights.ts"
import { keyText } from "./keyText.ts"
import { Entry, Store } from "./store.ts"

/** Why a kept reply was dropped. */
export type Cause = "Pushed" | "Written" | "Flushed" | "Lost" | "Moved" | "Expired" | "Dropped"

/** A reply, and what it depends on. Times are in milliseconds of the Clock. */
export class Kept extends Entry {
  readonly node: string
  readonly slot: number
  readonly epoch: number
  readonly watch: Watch
  readonly era: number
  readonly sentAt: number
  readonly expiresAt: number

  constructor(
    { command, epoch, era, expiresAt, sentAt, slot, texts }: Flight,
    watch: Watch,
    value: Resp.Value,
    node: string
  ) {
    super(texts, command, value)
    this.node = node
    this.slot = slot
    this.epoch = epoch
    this.watch = watch
    this.era = era
    this.sentAt = sentAt
    this.expiresAt = expiresAt
  }
}

export interface Options {
  readonly maxBytes: number
  readonly report: Report
  /** Told once why a server does not watch keys. */
  readonly onRefused: (failure: Failure) => void
}

/** Whether a command may change data, or runs code that may. */
const mayWrite = ({ partial, write }: CommandSpec.CommandSpec): boolean =>
  write || partial === "Script" || partial === "Digest"

export class Cache implements Keeper {
  private readonly options: Options
  private readonly store: Store<Kept>
  private readonly flights = new Flights()
  /** For each slot, how often it has changed hands, or was said to have. */
  private readonly epochs = new Uint32Array(Slot.count)
  private isRefused = false
  private hasEnded = false

  constructor(options: Options) {
    this.options = options
    this.store = new Store(options.maxBytes, () => {})
  }

  private get isEmpty(): boolean {
    return this.store.size === 0 && this.flights.isEmpty
  }

  /** The kept reply to a command; undefined if there is none that is valid, and not too old for it. */
  recall(command: Command.Any, now: number): Kept | undefined {
    const { args, spec } = command
    const key = spec.singleKey >= 0 ? args[spec.singleKey] : Command.keys(command)[0]
    if (key === undefined) return undefined
    const kept = this.store.find(typeof key === "string" ? key : keyText(key), command)
    if (kept === undefined) return undefined
    if (this.isOutdated(kept, now)) {
      this.store.remove(kept)
      return undefined
    }
    return now - kept.sentAt < command.maxAge! ? kept : undefined
  }

  private isOutdated({ epoch, era, expiresAt, slot, watch }: Kept, now: number): boolean {
    return watch.era !== era || this.epochs[slot] !== epoch || now >= expiresAt
  }

  /** The flight that a call may join: it has begun since the last change that is known, and fails no earlier than the call would. */
  joinable({ command, deadline }: Call): Flight | undefined {
    const [key] = Command.keys(command)
    const flight = this.flights.find(keyText(key), command)
    const isJoinable = flight !== undefined && flight.deadline <= deadline && this.isCurrent(flight)
    return isJoinable ? flight : undefined
  }

  private isCurrent({ epoch, era, slot, watch }: Flight): boolean {
    return (watch === undefined || watch.era === era) && this.epochs[slot] === epoch
  }

  /** Begins a flight, which later callers may join. */
  begin(first: Passenger, slot: number): Flight {
    const keys = Command.keys(first.call.command)
    const texts = keys.map(keyText)
    const flight = new Flight(first, { slot, epoch: this.epochs[slot], keys, texts }, this)
    const before = this.flights.find(texts[0], flight.command)
    if (before !== undefined) this.flights.remove(before)
    this.flights.add(flight)
    return flight
  }

  readonly landed = (flight: Flight, value: Resp.Value, node: string): void => {
    const isKnown = this.flights.has(flight)
    this.flights.remove(flight)
    const { isVoid, watch } = flight
    if (this.hasEnded || isVoid || !isKnown || watch === undefined || !this.isCurrent(flight)) return
    this.store.add(new Kept(flight, watch, value, node))
  }

  readonly lost = (flight: Flight): void => this.flights.remove(flight)

  get report(): Report {
    return this.options.report
  }

  readonly wrote = (command: Command.Any): void => {
    if (this.isEmpty || !mayWrite(command.spec)) return
    const { args, before, spec } = command
    if (spec.singleKey >= 0 && spec.singleKey < args.length) return this.forgetKey(args[spec.singleKey])
    if (before.length > 0) return before.forEach(this.wrote)
    const keys = spec.incompleteKeys ? [] : CommandSpec.keyIndexes(spec, args)
    // Which keys it may change is not known.
    if (keys.length === 0) this.forgetAll()
    else for (const index of keys) this.forgetKey(args[index])
  }

  readonly invalidated = (keys: ReadonlyArray<Resp.Value>): void => {
    for (const key of keys) if (key instanceof Uint8Array || typeof key === "string") this.forgetKey(key)
  }

  /** The era of what was read over the connection is over. */
  readonly forgotten = (): void => {}

  readonly refused = (failure: Failure): void => {
    if (this.isRefused) return
    this.isRefused = true
    this.options.onRefused(failure)
  }

  private forgetKey(key: Command.Arg): void {
    const text = keyText(key)
    this.store.take(text)
    for (const flight of this.flights.take(text)) flight.isVoid = true
  }

  forgetAll(): void {
    this.store.clear()
    for (const flight of this.flights.drain()) flight.isVoid = true
  }

  /** Nothing is kept any more. */
  end(): void {
    this.forgetAll()
    this.hasEnded = true
  }

  /** Slots have other owners in a new map. */
  moved(before: SlotMap.SlotMap, after: SlotMap.SlotMap): void {
    if (this.isEmpty) return
    for (const { end, start } of SlotMap.diff(before, after).moved) {
      for (let slot = start; slot <= end; slot++) this.epochs[slot]++
    }
  }

  /** A node says that a slot is elsewhere. */
  movedSlot(slot: number): void {
    this.epochs[slot]++
  }
}

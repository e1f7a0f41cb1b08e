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
import { keptArgs } from "./copies.ts"
import * as Counts from "./counts.ts"
import { Flight } from "./flight.ts"
import type { Passenger } from "./flight.ts"
import { Flights } from "./flights.ts"
import { Invalidations } from "./invalidations.ts"
import { isText, keyText } from "./keyText.ts"
import { payloadOf } from "./payload.ts"
import { Entry, Store } from "./store.ts"

/** A reply, and what it depends on. Times are in milliseconds of the Clock. */
export class Kept extends Entry {
  readonly node: string
  readonly slot: number
  readonly epoch: number
  readonly watch: Watch
  readonly era: number
  readonly sentAt: number
  readonly expiresAt: number
  /** About how many bytes the reply took on the way. */
  readonly payload: number

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
    this.payload = payloadOf(value)
  }
}

export interface Options {
  readonly maxBytes: number
  readonly report: Report
  readonly map: () => SlotMap.SlotMap
  /** Told once why a server does not watch keys. */
  readonly onRefused: (failure: Failure) => void
}

/** The same command with bytes of its own: its caller may change those that it has given before the reply comes. */
const ownWords = (command: Command.Any): Command.Any => {
  const args = keptArgs(command.args)
  return args === command.args ? command : Command.withArgs(command, args)
}

/** Whether a command may change data, or runs code that may. */
const mayWrite = ({ partial, write }: CommandSpec.CommandSpec): boolean =>
  write || partial === "Script" || partial === "Digest"

export class Cache implements Keeper {
  readonly counts = Counts.none()
  readonly invalidations: Invalidations
  private readonly options: Options
  private readonly store: Store<Kept>
  private readonly flights = new Flights()
  /** For each slot, how often it has changed hands, or was said to have. */
  private readonly epochs = new Uint32Array(Slot.count)
  private isRefused = false
  private hasEnded = false

  constructor(options: Options) {
    this.options = options
    this.invalidations = new Invalidations(options.report)
    this.store = new Store(options.maxBytes, () => {
      this.counts.evictions++
    })
  }

  get stats(): Counts.Stats {
    const { counts, store } = this
    return { ...counts, invalidations: { ...counts.invalidations }, entries: store.size, bytes: store.bytes }
  }

  get report(): Report {
    return this.options.report
  }

  private get isEmpty(): boolean {
    return this.store.size === 0 && this.flights.isEmpty
  }

  /** The kept reply to a command; undefined if there is none that is valid, and not too old for it. */
  recall(command: Command.Any, now: number): Kept | undefined {
    const { args, spec } = command
    const key = spec.singleKey >= 0 ? args[spec.singleKey] : Command.keys(command)[0]
    if (key === undefined) return undefined
    const kept = this.find(key, command)
    if (kept === undefined) return undefined
    const cause = this.causeOf(kept, now)
    if (cause !== undefined) {
      this.counts.invalidations[cause]++
      this.store.remove(kept)
      return undefined
    }
    return now - kept.sentAt < command.maxAge! ? kept : undefined
  }

  /** Most keys are the texts that they are found by. Only when nothing is found is it worth while to see which are not. */
  private find(key: Command.Arg, command: Command.Any): Kept | undefined {
    const found = typeof key === "string" ? this.store.find(key, command) : undefined
    if (found !== undefined) return found
    const text = keyText(key)
    return text === key ? undefined : this.store.find(text, command)
  }

  /** Why a kept reply is not valid any more. */
  private causeOf(kept: Kept, now: number): keyof Counts.Invalidated | undefined {
    const { epoch, era, expiresAt, sentAt, slot, watch } = kept
    if (watch.era !== era) return "forgotten"
    if (this.epochs[slot] !== epoch) return "moved"
    // If the clock was set back, it does not tell any more how old the reply is.
    return now >= expiresAt || now < sentAt ? "expired" : undefined
  }

  /** A kept reply is given to a reader. */
  hit({ payload }: Kept): void {
    this.counts.hits++
    this.counts.savedBytes += payload
  }

  /**
   * The flight that a call may join: it has begun since the last change that is known, is not too old for the call, and fails no later than
   * the call would. A timeout of one's own is not put off by what a server announces, as that of a flight without one may be.
   */
  joinable({ command, deadline }: Call, now: number): Flight | undefined {
    const [key] = Command.keys(command)
    const flight = this.flights.find(keyText(key), command)
    if (flight === undefined || flight.deadline > deadline || !this.isCurrent(flight)) return undefined
    if (command.timeout !== undefined && flight.command.timeout === undefined) return undefined
    return flight.isSent && now - flight.sentAt >= command.maxAge! ? undefined : flight
  }

  private isCurrent({ epoch, era, slot, watch }: Flight): boolean {
    return (watch === undefined || watch.era === era) && this.epochs[slot] === epoch
  }

  /** Begins a flight, which later callers may join. */
  begin(first: Passenger, slot: number): Flight {
    const command = ownWords(first.call.command)
    const keys = Command.keys(command)
    const texts = keys.map(keyText)
    const flight = new Flight(first, { command, slot, epoch: this.epochs[slot], keys, texts }, this)
    this.flights.add(flight)
    return flight
  }

  readonly landed = (flight: Flight, value: Resp.Value, node: string): void => {
    const isKnown = this.flights.has(flight)
    this.flights.remove(flight)
    const { isVoid, watch } = flight
    if (this.hasEnded || isVoid || !isKnown || watch === undefined || !this.isCurrent(flight)) return
    if (!this.store.add(new Kept(flight, watch, value, node))) this.counts.tooLarge++
  }

  readonly lost = (flight: Flight): void => this.flights.remove(flight)

  readonly wrote = (command: Command.Any): void => {
    if ((this.isEmpty && !this.invalidations.isHeard) || !mayWrite(command.spec)) return
    const { args, before, spec } = command
    if (before.length > 0) return before.forEach(this.wrote)
    const keys = spec.incompleteKeys ? [] : CommandSpec.keyIndexes(spec, args).map((index) => args[index])
    // Which keys it may change is not known.
    if (keys.length === 0) this.dropAll()
    else this.dropKeys(keys, "Written")
  }

  readonly invalidated = (given: ReadonlyArray<Resp.Value>): void => {
    const keys = given.filter((key): key is Command.Arg => typeof key === "string" || key instanceof Uint8Array)
    if (keys.length > 0) this.dropKeys(keys, "Pushed")
  }

  /** What was read before is of another era now. */
  readonly forgotten = ({ node }: Watch): void => {
    if (!this.invalidations.isHeard) return
    const slots = SlotMap.ranges(this.options.map()).flatMap(({ end, shard, start }) =>
      shard.primary?.address.key === node ? [[start, end] as const] : []
    )
    if (slots.length > 0) this.invalidations.tell({ _tag: "Slots", slots, cause: "Forgotten" })
  }

  readonly refused = (failure: Failure): void => {
    if (this.isRefused) return
    this.isRefused = true
    this.options.onRefused(failure)
  }

  dropKeys(keys: ReadonlyArray<Command.Arg>, cause: "Pushed" | "Written" | "Dropped"): void {
    const texts = keys.map(keyText)
    for (const text of texts) {
      this.counts.invalidations[named[cause]] += this.store.take(text).length
      for (const flight of this.flights.take(text)) flight.isVoid = true
    }
    if (!this.invalidations.isHeard) return
    // Bytes are the caller's, who may change them before anybody reads this.
    const own = keptArgs(keys).map((key, i) => isText(texts[i]) ? texts[i] : key)
    this.invalidations.tell({ _tag: "Keys", keys: own, cause })
  }

  private dropAll(): void {
    this.counts.invalidations.written += this.store.size
    this.clear()
    this.invalidations.tell({ _tag: "All", cause: "Written" })
  }

  private clear(): void {
    this.store.clear()
    for (const flight of this.flights.drain()) flight.isVoid = true
  }

  /** Slots have other owners in a new map. */
  moved(before: SlotMap.SlotMap, after: SlotMap.SlotMap): void {
    if (this.isEmpty && !this.invalidations.isHeard) return
    const slots = SlotMap.diff(before, after).moved.map(({ end, start }) => [start, end] as const)
    for (const [first, last] of slots) {
      for (let slot = first; slot <= last; slot++) this.epochs[slot]++
    }
    if (slots.length > 0) this.invalidations.tell({ _tag: "Slots", slots, cause: "Moved" })
  }

  /** A node says that a slot, or what was asked for in it, is elsewhere. */
  movedSlot(slot: number): void {
    this.epochs[slot]++
    this.invalidations.tell({ _tag: "Slots", slots: [[slot, slot]], cause: "Moved" })
  }

  /** Nothing is kept any more. */
  end(): void {
    this.hasEnded = true
    this.clear()
    this.invalidations.end()
  }
}

const named = { Pushed: "pushed", Written: "written", Dropped: "dropped" } as const

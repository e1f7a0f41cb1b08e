/**
 * One read on its way to the server, and the commands that wait for its reply: they all ask for the same.
 *
 * If it succeeds, all of them get the reply. If it fails, the first of them goes on with the failure by itself, as if it had travelled
 * alone, and the others look again: one of them leads the next flight. All of them go on by themselves if the next flight would fail in
 * the same way; so do those of pipelines, since each has its turn there behind earlier commands that may have failed as well.
 */
import type * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import * as Resp from "../../Resp.ts"
import { Call } from "../connection/call.ts"
import type { Carrier } from "../connection/call.ts"
import type { Watch, Watched } from "../connection/keepers.ts"
import { each } from "../connection/strays.ts"
import type { Report } from "../connection/strays.ts"
import { rejected } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { hashOf } from "./entry.ts"
import { copied } from "./store.ts"

/** A command that waits for a flight. */
export interface Passenger {
  readonly call: Call
  /** Looks for a kept reply, or another flight, anew. */
  readonly again: () => void
}

/** What a flight reports to. */
export interface Base {
  /** The reply has come. */
  readonly landed: (flight: Flight, value: Resp.Value, node: string) => void
  /** There will be no reply. */
  readonly lost: (flight: Flight) => void
  readonly report: Report
}

/** What is known of a failure before it is followed. */
const facts = { repeatable: true, redirects: 0, abridged: false, target: undefined }

const isFinal = (failure: Failure): boolean => RedirectPolicy.decide(failure, facts).command._tag === "GiveUp"

/** Whether the same read would fail again in the same way: nothing of the map is learnt from the failure. */
const teachesNothing = ({ reason }: Failure): boolean => reason._tag === "Ask" || reason._tag === "TryAgain"

/** What a flight asks, of which slot, and in which epoch of that it began. */
interface Itinerary {
  readonly command: Command.Any
  readonly slot: number
  readonly epoch: number
  readonly keys: ReadonlyArray<Command.Arg>
  /** The keys as texts. */
  readonly texts: ReadonlyArray<string>
}

export class Flight extends Call implements Carrier, Itinerary, Watched {
  readonly slot: number
  readonly epoch: number
  readonly keys: ReadonlyArray<Command.Arg>
  readonly texts: ReadonlyArray<string>
  /** Of its command. */
  readonly hash: number
  /** Whether its reply must not be kept. */
  isVoid = false
  /** Over what it was sent; undefined until then. */
  watch: Watch | undefined = undefined
  era = 0
  /** When it was sent, and when the first of its keys expires, in milliseconds of the Clock. */
  sentAt = 0
  expiresAt = Infinity
  private readonly base: Base
  private readonly passengers: Array<Passenger>
  /** All passengers before this one have left. Thousands may do so, one after the other. */
  private front = 0

  constructor(first: Passenger, { command, epoch, keys, slot, texts }: Itinerary, base: Base) {
    super(command, false, first.call.deadline)
    this.slot = slot
    this.epoch = epoch
    this.keys = keys
    this.texts = texts
    this.hash = hashOf(command.spec.name, command.args, command.bytes)
    this.base = base
    this.passengers = [first]
    first.call.carrier = this
  }

  join(passenger: Passenger): void {
    this.passengers.push(passenger)
    passenger.call.carrier = this
  }

  get isSent(): boolean {
    return this.watch !== undefined
  }

  override get watched(): Watched | undefined {
    return this.isVoid ? undefined : this
  }

  readonly begun = (watch: Watch, now: number): void => {
    this.watch = watch
    this.era = watch.era
    this.sentAt = now
  }

  readonly expiresIn = (millis: number): void => {
    this.expiresAt = Math.min(this.expiresAt, this.sentAt + millis)
  }

  readonly unwatched = (): void => {
    this.isVoid = true
  }

  /** If nobody is left before it is sent, it stays where it is. */
  readonly left = (): void => {
    if (this.isSent || this.isAwaited) return
    this.abandoned = true
    this.base.lost(this)
  }

  override get isAwaited(): boolean {
    return !this.abandoned && this.first !== undefined
  }

  /** The first who still waits. */
  private get first(): Passenger | undefined {
    while (this.passengers[this.front]?.call.abandoned === true) this.front++
    return this.passengers[this.front]
  }

  override get isAdmitted(): boolean {
    return this.first?.call.isAdmitted === true
  }

  override hasRoomAt(node: string): boolean {
    return this.first?.call.hasRoomAt(node) === true
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) {
      const failure = rejected(value, node, this)
      if (!isFinal(failure)) return this.fail(failure, (call) => call.onReply(value, node))
      this.base.lost(this)
    } else {
      this.base.landed(this, value, node)
    }
    each(this.passengers, ({ call }) => {
      if (!call.abandoned) call.onReply(copied(value), node)
    }, this.base.report)
  }

  onFailure(failure: Failure): void {
    this.fail(failure, (call) => call.onFailure(failure))
  }

  override onAway(failure: Failure): void {
    this.fail(failure, (call) => call.onAway(failure))
  }

  private fail(failure: Failure, goOn: (call: Call) => void): void {
    this.base.lost(this)
    const { first } = this
    // What is final for the first, whose time is over, is not so for the others.
    const canFollow = !isFinal(failure)
    const mustFollow = canFollow && teachesNothing(failure)
    each(this.passengers, (passenger) => {
      const { call } = passenger
      call.carrier = undefined
      if (call.abandoned) return
      // The time that the flight was given more (`relief.ts`) is that of its passengers, unless they have set one of their own.
      if (call.command.timeout === undefined) call.deadline = Math.max(call.deadline, this.deadline)
      if (passenger === first || mustFollow || (canFollow && call.hasTurn)) goOn(call)
      else passenger.again()
    }, this.base.report)
  }
}

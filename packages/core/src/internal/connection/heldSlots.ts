/**
 * Calls on slots that a node has just been given. They wait until the node that had the slots has answered what was written to it
 * before, and sent on, so that nothing overtakes that:
 *
 * ```
 *   old node   [ k=1 ] --- MOVED ---.
 *   new node              held: k=2 | k=1, then k=2
 * ```
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Connector } from "../../Connector.ts"
import type * as RedisError from "../../RedisError.ts"
import { slotOf } from "../commands/keySlot.ts"
import { notSent, timedOut } from "../failures/failure.ts"
import { failAll, sweep } from "./call.ts"
import type { Call } from "./call.ts"
import type { Connection } from "./connection.ts"
import { Ring } from "./ring.ts"
import { each } from "./strays.ts"
import type { Report } from "./strays.ts"

/** How long the old node is waited for, in milliseconds. */
const patience = 5000

/** A call that was not written, and its slot. */
export type Unsent = readonly [call: Call, slot: number]

interface Hold {
  readonly slots: ReadonlySet<number>
  readonly waiting: Ring<Call>
  readonly lanes: Map<Call, number>
}

export interface Options {
  readonly node: string
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly soon: Connector["Service"]["soon"]
  readonly report: Report
  readonly relax: (queue: Ring<Call>, now: number) => void
  readonly submit: (call: Call, slot: number) => void
}

export class HeldSlots {
  private readonly options: Options
  private holds: ReadonlyArray<Hold> = []

  constructor(options: Options) {
    this.options = options
  }

  get isEmpty(): boolean {
    return this.holds.length === 0
  }

  /** How many calls wait here. */
  get waiting(): number {
    return this.holds.reduce((sum, { waiting }) => sum + waiting.length, 0)
  }

  /** Whether a call has to wait here. What has been at the old node, and the client's own work, has not. */
  takes(call: Call, slot: number): boolean {
    if (call.isAdmitted) return false
    const hold = this.holds.find(({ slots }) => slots.has(slot))
    if (hold === undefined) return false
    hold.waiting.push(call)
    hold.lanes.set(call, slot)
    return true
  }

  /** Holds the calls on slots, and before them those that were not written to the old node, until that has answered. */
  begin(slots: ReadonlySet<number>, unsent: ReadonlyArray<Unsent>, answered: Effect.Effect<unknown>): void {
    const { fork, node, relax, report, soon } = this.options
    const hold: Hold = { slots, waiting: new Ring(), lanes: new Map(unsent) }
    for (const [call] of unsent) hold.waiting.push(call)
    this.holds = [...this.holds, hold]
    const overdue = sweep(hold.waiting, () => timedOut(node, "slots that have moved to the node", false), {
      report,
      soon,
      relax
    })
    const over = Effect.raceAllFirst([answered, Effect.sleep(patience), overdue])
    fork(Effect.ensuring(over, Effect.sync(() => this.release(hold))))
  }

  /** Fails all that wait here. */
  end(reason: RedisError.Reason): void {
    const { node, report } = this.options
    const { holds } = this
    this.holds = []
    for (const { waiting } of holds) failAll(waiting, notSent(reason, node), report)
  }

  private release(hold: Hold): void {
    this.holds = this.holds.filter((each) => each !== hold)
    each(hold.waiting.drain(), (call) => {
      if (!call.abandoned) this.options.submit(call, hold.lanes.get(call) ?? -1)
    }, this.options.report)
  }
}

/** Something that has calls on slots: a shared connection. */
export interface Holder {
  /** Takes out the calls that were not written and fit. */
  readonly withdraw: (fits: (call: Call) => boolean) => ReadonlyArray<Call>
  /** Completes when everything is answered that was written by now. */
  readonly answered: Effect.Effect<unknown>
  readonly pending: number
}

/** The node that has a slot by now. */
export interface Heir {
  readonly hold: HeldSlots["begin"]
}

/** Hands slots over to other nodes: what was not written goes there, and what comes there waits for the answers here. */
export const handOver = (holders: ReadonlyArray<Holder>, heirs: ReadonlyMap<number, Heir>): void => {
  if (holders.every(({ pending }) => pending === 0)) return
  const unsent: Array<Unsent> = []
  const slotIn = (call: Call): number | undefined => {
    const slot = call.asking || call.isOwn || call.abandoned ? undefined : slotOf(call.command, false)
    return typeof slot === "number" && heirs.has(slot) ? slot : undefined
  }
  for (const holder of holders) {
    for (const call of holder.withdraw((call) => slotIn(call) !== undefined)) unsent.push([call, slotIn(call)!])
  }
  const answered = Effect.all(holders.map(({ answered }) => answered), { concurrency: "unbounded", discard: true })
  const slots = new Map<Heir, Set<number>>()
  for (const [slot, heir] of heirs) {
    const known = slots.get(heir)
    if (known === undefined) slots.set(heir, new Set([slot]))
    else known.add(slot)
  }
  for (const [heir, its] of slots) heir.hold(its, unsent.filter(([, slot]) => its.has(slot)), answered)
}

/** Completes when a connection has answered what was written to it by now, or is lost. */
export const answeredBy = (connection: Connection): Effect.Effect<unknown> =>
  Effect.callback<void>((resume) => {
    if (!connection.ping(() => resume(Effect.void))) resume(Effect.void)
  })

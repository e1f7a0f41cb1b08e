/**
 * What one run of the model test does: the commands of some fibers, and what happens to the cluster meanwhile. All of it
 * is plain numbers and words, so that a failing plan shrinks, and can be read.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const kinds = [
  "incr",
  "append",
  "rpush",
  "lrange",
  "sadd",
  "hincrby",
  "set",
  "get",
  "del",
  "setTemporary",
  "getTemporary",
  "expire",
  "mset",
  "mget",
  "delPair"
] as const

export type Kind = (typeof kinds)[number]

/** Every kind of data has so many keys. */
export const keysPerKind = 3

export interface Step {
  readonly kind: Kind
  readonly key: number
  /** How long the fiber waits before it, in milliseconds. */
  readonly pause: number
  /** The fiber waits for the reply for so many milliseconds, and then interrupts the command. 0: as long as it takes. */
  readonly patience: number
}

const step: Arbitrary.Arbitrary<Step> = Arbitrary.all({
  kind: Arbitrary.schema(Schema.Literals(kinds)),
  key: int(0, keysPerKind - 1),
  pause: Arbitrary.map(int(0, 400), (pause) => Math.max(0, pause - 100)),
  patience: Arbitrary.map(int(0, 100), (patience) => patience > 10 ? 0 : patience)
})

const events = [
  "begin",
  "begin",
  "moveKeys",
  "moveKeys",
  "finish",
  "moveSlot",
  "failover",
  "kill",
  "killReplica",
  "restart",
  "restart",
  "pause",
  "resume",
  "isolate",
  "cutClient",
  "split",
  "heal",
  "heal",
  "drop",
  "drop",
  "latency"
] as const

export type Event = (typeof events)[number]

export interface Happening {
  readonly event: Event
  /** How long after the last one, in milliseconds. */
  readonly after: number
  /** How many turns of the event loop after what the Clock has woken then. */
  readonly turns: number
  /** Picks what it happens to: a node, a slot. */
  readonly at: number
  /** Says how: the target of a slot, milliseconds, bytes. */
  readonly how: number
}

const happening: Arbitrary.Arbitrary<Happening> = Arbitrary.all({
  event: Arbitrary.schema(Schema.Literals(events)),
  after: Arbitrary.map(int(0, 600), (after) => Math.max(0, after - 100)),
  turns: int(0, 7),
  at: int(0, 99),
  how: int(0, 99)
})

export interface Plan {
  readonly seed: number
  readonly fullCoverage: boolean
  readonly connectionsPerNode: number
  /** The round trip to every node at first, in milliseconds. */
  readonly latency: number
  readonly fibers: ReadonlyArray<ReadonlyArray<Step>>
  readonly happenings: ReadonlyArray<Happening>
}

export const plan: Arbitrary.Arbitrary<Plan> = Arbitrary.all({
  seed: int(1, 1_000_000),
  fullCoverage: Arbitrary.schema(Schema.Boolean),
  connectionsPerNode: int(1, 2),
  latency: Arbitrary.map(int(0, 200), (latency) => Math.max(0, latency - 80)),
  fibers: Arbitrary.array(Arbitrary.array(step, { maxLength: 60 }), { minLength: 2, maxLength: 8 }),
  happenings: Arbitrary.array(happening, { maxLength: 30 })
})

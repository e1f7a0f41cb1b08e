/** What the parts of one scan share. */
import * as Effect from "effect/Effect"
import type { Client } from "../../Client.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import type { RedisError } from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { Progress } from "./progress.ts"
import * as Slots from "./slots.ts"

/** Which keys are wanted, and how many a node looks at for one page. */
export interface Wanted {
  readonly match: Uint8Array | undefined
  readonly type: string | undefined
  readonly count: number
  /** Whether keys come as bytes. */
  readonly bytes: boolean
}

export interface Work {
  readonly client: Client["Service"]
  readonly wanted: Wanted
  readonly progress: Progress
  readonly concurrency: number | "unbounded"
  /** Nodes whose epoch changed while they were read, by their ids. They are read slot by slot, which takes a shorter time. */
  readonly shaken: Set<string>
  /** The last failure that a later try may overcome. */
  failure: RedisError | undefined
}

/** Whether a part of a scan that failed like this may be tried again. All that it does is reading. */
export const isPassing = ({ delivery, node, reason }: RedisError): boolean => {
  const facts = { repeatable: true, redirects: 0, abridged: false, target: undefined }
  return reason._tag === "Timeout" ||
    RedirectPolicy.decide({ delivery, node, reason }, facts).command._tag !== "GiveUp"
}

/** Of some slots, those whose primary is the given node, by the client's map. */
export const byMap = (map: SlotMap.SlotMap, node: string, slots: Slots.Slots): Slots.Slots =>
  Slots.filter(slots, (slot) => SlotMap.shardOf(map, slot)?.primary?.address.key === node)

/**
 * The same, by a map that is learnt anew if it says otherwise. A node that was cut off may believe that it still has slots that others
 * have taken.
 */
export const agreed = (
  { client: { topology } }: Work,
  node: string,
  slots: Slots.Slots
): Effect.Effect<Slots.Slots> =>
  Effect.suspend(() => {
    const known = byMap(topology.currentUnsafe(), node, slots)
    if (Slots.count(known) === Slots.count(slots)) return Effect.succeed(known)
    return Effect.match(topology.refresh, {
      onFailure: () => known,
      onSuccess: (map) => byMap(map, node, slots)
    })
  })

/**
 * The parts of a cluster client, as its executors share them.
 */
import type * as CrossSlot from "../../CrossSlot.ts"
import type * as NodePool from "../../NodePool.ts"
import type * as ReadFrom from "../../ReadFrom.ts"
import type * as RedirectPolicy from "../../RedirectPolicy.ts"
import type * as Topology from "../../Topology.ts"
import type { Cache } from "../caching/cache.ts"
import type { Limits } from "../connection/call.ts"
import type { FirstMap } from "./firstMap.ts"
import type { Replicas } from "./replicas.ts"
import type { TurnClock } from "./turnClock.ts"
import type { WaitingRoom } from "./waitingRoom.ts"

export interface Cluster extends Limits {
  readonly topology: Topology.Topology["Service"]
  readonly pool: NodePool.NodePool["Service"]
  readonly replicas: Replicas
  readonly clock: TurnClock
  /** The redirect policy where a region has none of its own. */
  readonly redirects: RedirectPolicy.RedirectPolicy
  readonly readFrom: ReadFrom.ReadFrom
  readonly availabilityZone: string | undefined
  readonly crossSlot: CrossSlot.CrossSlot
  readonly counts: Counts
  /** Undefined if no replies are kept. */
  readonly cache: Cache | undefined
  readonly room: WaitingRoom
  readonly firstMap: FirstMap
  /** Whether the client has ended. Nothing is sent any more then. */
  closed: boolean
}

/** Counts since the start. They only rise. */
export interface Counts {
  redirects: number
  retries: number
  /** The number of redirects that each node has sent, by the key of its address. */
  readonly redirectsOf: Map<string, number>
}

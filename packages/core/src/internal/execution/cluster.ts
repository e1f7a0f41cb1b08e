/**
 * What a client of a cluster consists of, as its executors share it.
 */
import type * as Effect from "effect/Effect"
import type * as NodePool from "../../NodePool.ts"
import type * as ReadFrom from "../../ReadFrom.ts"
import type * as RedirectPolicy from "../../RedirectPolicy.ts"
import type * as Topology from "../../Topology.ts"
import type { Limits } from "../connection/call.ts"
import type { Replicas } from "./replicas.ts"
import type { TurnClock } from "./turnClock.ts"

export interface Cluster extends Limits {
  readonly topology: Topology.Topology["Service"]
  readonly pool: NodePool.NodePool["Service"]
  readonly replicas: Replicas
  readonly clock: TurnClock
  /** The redirect policy of the fiber that asks. */
  readonly policy: Effect.Effect<RedirectPolicy.RedirectPolicy>
  readonly readFrom: ReadFrom.ReadFrom
  readonly counts: Counts
  /** Whether the client has ended: nothing is sent any more. */
  closed: boolean
}

/** What has been counted since the start. These numbers only rise. */
export interface Counts {
  redirects: number
  retries: number
  /** The redirects that each node has answered with, by the key of its address. */
  readonly redirectsOf: Map<string, number>
}

/**
 * One sentinel as the parts of its work see it: what it knows, and what it can do.
 *
 * @since 0.1.0
 */
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import type { GroupSettings } from "./group.ts"
import type { Instance } from "./instance.ts"

/** A vote in an election. */
export interface Vote {
  readonly leader: string
  readonly epoch: number
}

export interface Observer {
  readonly node: FakeNode
  readonly world: FakeWorld
  readonly settings: GroupSettings
  readonly id: string
  readonly now: number
  readonly master: Instance
  readonly replicas: ReadonlyArray<Instance>
  readonly peers: ReadonlyArray<{ readonly vote: Vote | undefined }>
  /** The failover that it leads, or wants to lead. `hear` takes note of a replica's INFO, and tells whether it had to. */
  readonly failover: { readonly hear: (each: Instance, now: number) => boolean } | undefined
  readonly failoverStartedAt: number
  readonly isTilted: boolean
  /** When the network, a process or a role has last changed. */
  readonly changedAt: number
  configEpoch: number

  /** Asks for a turn at a time or after it. */
  readonly due: (at: number) => void
  /** Publishes an event about a server or another sentinel. */
  readonly event: (channel: string, of: Instance, more?: string) => void
  readonly voteFor: (id: string, epoch: number) => Vote | undefined
  /** Tells the others at once what it knows. */
  readonly announce: () => void
  /** Gives up a failover. */
  readonly abort: () => void
  readonly switchTo: (primary: FakeNode) => void
  /** Watches one more replica. */
  readonly add: (replica: FakeNode, now: number) => void
}

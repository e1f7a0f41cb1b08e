/** The interface of the benchmark to the clients of all libraries. */
import type { Nodes } from "../cluster/cluster.ts"
import type { Load } from "../work/workloads.ts"

/** A client that is connected to the cluster. */
export interface Client {
  /** Returns a function that runs all loops of a load once. Its promise rejects if a checked reply is wrong. */
  readonly prepare: (work: Load) => () => Promise<void>
  readonly close: () => Promise<void>
}

export type Open = (nodes: Nodes) => Promise<Client>

/** Subscribes to one channel, and calls back with the payload of every message. */
export type Subscribe = (nodes: Nodes, channel: string, hear: (payload: string) => void) => Promise<void>

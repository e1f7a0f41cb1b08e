/** The interface of the benchmark to the clients of all libraries. */
import type { Nodes } from "../cluster/cluster.ts"
import type { Load } from "../work/workloads.ts"

export type Replies = ReadonlyArray<unknown>

/** Many commands that are known at the same time: a GET of each key, or a SET if there are values. */
export interface Batch {
  readonly keys: ReadonlyArray<string>
  readonly values: ReadonlyArray<string> | undefined
}

/** The operations of a client with promises. */
export interface Commands {
  readonly get: (key: string) => Promise<unknown>
  readonly set: (key: string, value: string) => Promise<unknown>
  /** Runs a whole batch, and returns the replies in the order of the keys. By default, there is a promise for each command. */
  readonly batch?: ((batch: Batch) => Promise<Replies>) | undefined
  readonly close: () => Promise<unknown>
}

/** A client that is connected to the cluster. */
export interface Client {
  /** Returns a function that runs all loops of a load once. Its promise rejects if a checked reply is wrong. */
  readonly prepare: (work: Load) => () => Promise<void>
  /** The operations by themselves, of a client with promises. */
  readonly commands?: Commands
  readonly close: () => Promise<void>
}

export type Open = (nodes: Nodes) => Promise<Client>

/** Subscribes to one channel, and calls back with the payload of every message. */
export type Subscribe = (nodes: Nodes, channel: string, hear: (payload: string) => void) => Promise<void>

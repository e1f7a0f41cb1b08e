import type { Shape, Workload } from "./workloads.ts"

/** A client that is connected to the cluster. */
export interface Client {
  /** Runs all loops of a workload once; rejects when a reply that is looked at is wrong. */
  readonly run: (work: Workload) => Promise<void>
  readonly close: () => Promise<void>
}

/** Connects to the cluster whose nodes listen on these ports of 127.0.0.1. */
export type Open = (ports: ReadonlyArray<number>) => Promise<Client>

export interface Contestant {
  readonly label: string
  /** `floor` is no client, but what the wire allows. */
  readonly role: "ours" | "other" | "floor"
  /** Imports only when it is called: a process holds no client but its own. */
  readonly open: Open
  /** The only shape of workloads that this way of using a client is for. */
  readonly only?: Shape
}

/** To add a client, write a module that opens it and add it here. */
const contestants = {
  redisc: {
    label: "redisc",
    role: "ours",
    open: async (ports) => (await import("./clients/redisc.ts")).open(false)(ports)
  },
  "redisc-pipeline": {
    label: "redisc, pipeline",
    role: "ours",
    open: async (ports) => (await import("./clients/redisc.ts")).open(true)(ports),
    only: "batch"
  },
  ioredis: {
    label: "ioredis, auto-pipelining",
    role: "other",
    open: async (ports) => (await import("./clients/ioredis.ts")).open("auto")(ports)
  },
  "ioredis-plain": {
    label: "ioredis",
    role: "other",
    open: async (ports) => (await import("./clients/ioredis.ts")).open("plain")(ports)
  },
  "ioredis-pipeline": {
    label: "ioredis, pipeline a node",
    role: "other",
    open: async (ports) => (await import("./clients/ioredis.ts")).open("pipeline")(ports),
    only: "batch"
  },
  iovalkey: {
    label: "iovalkey, auto-pipelining",
    role: "other",
    open: async (ports) => (await import("./clients/iovalkey.ts")).open("auto")(ports)
  },
  "iovalkey-pipeline": {
    label: "iovalkey, pipeline a node",
    role: "other",
    open: async (ports) => (await import("./clients/iovalkey.ts")).open("pipeline")(ports),
    only: "batch"
  },
  "node-redis": {
    label: "node-redis",
    role: "other",
    open: async (ports) => (await import("./clients/node-redis.ts")).open(false)(ports)
  },
  "node-redis-pipeline": {
    label: "node-redis, pipeline a node",
    role: "other",
    open: async (ports) => (await import("./clients/node-redis.ts")).open(true)(ports),
    only: "batch"
  },
  glide: {
    label: "valkey-glide",
    role: "other",
    open: async (ports) => (await import("./clients/glide.ts")).open(false)(ports)
  },
  "glide-batch": {
    label: "valkey-glide, batch",
    role: "other",
    open: async (ports) => (await import("./clients/glide.ts")).open(true)(ports),
    only: "batch"
  },
  floor: {
    label: "bare sockets",
    role: "floor",
    open: async (ports) => (await import("./clients/floor.ts")).open(ports)
  }
} as const satisfies Record<string, Contestant>

export type ClientName = keyof typeof contestants

export const clients: Readonly<Record<ClientName, Contestant>> = contestants

/** Those of some clients that a workload is for. */
export const clientsFor = (names: ReadonlyArray<ClientName>, { shape }: Workload): ReadonlyArray<ClientName> =>
  names.filter((name) => (clients[name].only ?? shape) === shape)

import type { Workload } from "./workloads.ts"

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
  readonly nodeFlags?: ReadonlyArray<string>
}

const source = ["--conditions=@redisc/source"]

/** To add a client, write a module that opens it and add it here. */
const contestants = {
  redisc: {
    label: "redisc",
    role: "ours",
    open: async (ports) => (await import("./clients/redisc.ts")).open(ports),
    nodeFlags: source
  },
  ioredis: {
    label: "ioredis, auto-pipelining",
    role: "other",
    open: async (ports) => (await import("./clients/ioredis.ts")).open(true)(ports)
  },
  "ioredis-plain": {
    label: "ioredis",
    role: "other",
    open: async (ports) => (await import("./clients/ioredis.ts")).open(false)(ports)
  },
  iovalkey: {
    label: "iovalkey, auto-pipelining",
    role: "other",
    open: async (ports) => (await import("./clients/iovalkey.ts")).open(ports)
  },
  "node-redis": {
    label: "node-redis",
    role: "other",
    open: async (ports) => (await import("./clients/node-redis.ts")).open(ports)
  },
  glide: {
    label: "valkey-glide",
    role: "other",
    open: async (ports) => (await import("./clients/glide.ts")).open(ports)
  },
  floor: {
    label: "bare sockets",
    role: "floor",
    open: async (ports) => (await import("./clients/floor.ts")).open(ports),
    nodeFlags: source
  }
} as const satisfies Record<string, Contestant>

export type ClientName = keyof typeof contestants

export const clients: Readonly<Record<ClientName, Contestant>> = contestants

/** All clients, the ways of using them, and their workloads. */
import type { Shape, Workload } from "../work/workloads.ts"
import type { Open, Subscribe } from "./client.ts"

/** `floor` is not a client. It shows what the wire allows. */
export type Role = "ours" | "other" | "floor"

export interface Contestant {
  readonly library: string
  readonly role: Role
  /** How the library is used, if there are several ways. */
  readonly way?: string
  /** Whether most of its memory is outside of JavaScript. */
  readonly native?: boolean
  /** The shapes of workloads that the client takes part in. */
  readonly shapes: ReadonlyArray<Exclude<Shape, "channel">>
  /** Imports the library when called, as `subscribe` does, so that a process contains only the client under test. */
  readonly open?: Open
  readonly subscribe?: Subscribe
}

const redisc = { library: "redisc", role: "ours" } as const
const ioredis = { library: "ioredis", role: "other" } as const
const iovalkey = { library: "iovalkey", role: "other" } as const
const nodeRedis = { library: "node-redis", role: "other" } as const
const glide = { library: "valkey-glide", role: "other", native: true } as const
const floor = { library: "bare sockets", role: "floor" } as const

/** To add a client, write a module that opens it and add it here. */
const contestants = {
  redisc: {
    ...redisc,
    shapes: ["loops", "burst", "batch", "many", "connect"],
    open: async (nodes) => (await import("./redisc.ts")).open("each")(nodes),
    subscribe: async (...args) => (await import("./redisc.ts")).subscribe("each")(...args)
  },
  "redisc-promises": {
    ...redisc,
    way: "a promise a command",
    shapes: ["loops", "burst"],
    open: async (nodes) => (await import("./redisc.ts")).openPromises(nodes)
  },
  "redisc-pipeline": {
    ...redisc,
    way: "pipeline",
    shapes: ["batch", "many"],
    open: async (nodes) => (await import("./redisc.ts")).open("pipeline")(nodes)
  },
  "redisc-arrays": {
    ...redisc,
    way: "arrays",
    shapes: [],
    subscribe: async (...args) => (await import("./redisc.ts")).subscribe("arrays")(...args)
  },
  ioredis: {
    ...ioredis,
    way: "auto-pipelining",
    shapes: ["loops", "burst", "batch", "many"],
    open: async (nodes) => (await import("./ioredis.ts")).open("auto")(nodes)
  },
  "ioredis-plain": {
    ...ioredis,
    shapes: ["loops", "burst", "batch", "connect"],
    open: async (nodes) => (await import("./ioredis.ts")).open("plain")(nodes),
    subscribe: async (...args) => (await import("./ioredis.ts")).subscribe(...args)
  },
  "ioredis-pipeline": {
    ...ioredis,
    way: "pipeline a node",
    shapes: ["batch", "many"],
    open: async (nodes) => (await import("./ioredis.ts")).open("pipeline")(nodes)
  },
  iovalkey: {
    ...iovalkey,
    way: "auto-pipelining",
    shapes: ["loops", "burst", "batch", "many"],
    open: async (nodes) => (await import("./iovalkey.ts")).open("auto")(nodes)
  },
  "iovalkey-plain": {
    ...iovalkey,
    shapes: ["connect"],
    open: async (nodes) => (await import("./iovalkey.ts")).open("plain")(nodes),
    subscribe: async (...args) => (await import("./iovalkey.ts")).subscribe(...args)
  },
  "iovalkey-pipeline": {
    ...iovalkey,
    way: "pipeline a node",
    shapes: ["batch", "many"],
    open: async (nodes) => (await import("./iovalkey.ts")).open("pipeline")(nodes)
  },
  "node-redis": {
    ...nodeRedis,
    shapes: ["loops", "burst", "batch", "many", "connect"],
    open: async (nodes) => (await import("./node-redis.ts")).open("each")(nodes),
    subscribe: async (...args) => (await import("./node-redis.ts")).subscribe(...args)
  },
  "node-redis-pipeline": {
    ...nodeRedis,
    way: "pipeline a node",
    shapes: ["batch", "many"],
    open: async (nodes) => (await import("./node-redis.ts")).open("pipeline")(nodes)
  },
  glide: {
    ...glide,
    shapes: ["loops", "burst", "batch", "connect"],
    open: async (nodes) => (await import("./glide.ts")).open("each")(nodes),
    subscribe: async (...args) => (await import("./glide.ts")).subscribe(...args)
  },
  "glide-batch": {
    ...glide,
    way: "batch",
    shapes: ["batch", "many"],
    open: async (nodes) => (await import("./glide.ts")).open("batch")(nodes)
  },
  "glide-mget": {
    ...glide,
    way: "mget",
    shapes: ["many"],
    open: async (nodes) => (await import("./glide.ts")).open("mget")(nodes)
  },
  floor: {
    ...floor,
    shapes: ["loops", "burst", "batch", "many", "connect"],
    open: async (nodes) => (await import("./floor.ts")).open("callbacks")(nodes),
    subscribe: async (...args) => (await import("./floor.ts")).subscribe(...args)
  },
  "floor-promises": {
    ...floor,
    way: "a promise a command",
    shapes: ["loops", "burst"],
    open: async (nodes) => (await import("./floor.ts")).open("promises")(nodes)
  }
} as const satisfies Record<string, Contestant>

export type ClientName = keyof typeof contestants

export const clients: Readonly<Record<ClientName, Contestant>> = contestants

export const clientNames = Object.keys(contestants) as ReadonlyArray<ClientName>

export const labelOf = (name: ClientName): string => {
  const { library, way } = clients[name]
  return way === undefined ? library : `${library}, ${way}`
}

/** Selects the clients that take part in a workload. */
export const clientsFor = (names: ReadonlyArray<ClientName>, { shape }: Workload): ReadonlyArray<ClientName> =>
  names.filter((name) => {
    const { shapes, subscribe } = clients[name]
    return shape === "channel" ? subscribe !== undefined : shapes.includes(shape)
  })

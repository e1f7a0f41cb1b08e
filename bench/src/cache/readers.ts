/**
 * The clients of the comparison, each with its cache or without, as its documentation has it. A module is imported when its client is
 * opened, so that a process contains only that one.
 */
import { keysOf, probe, probed, textOf } from "./entries.ts"
import type { Kind, Work } from "./entries.ts"

export interface Nodes {
  readonly ports: ReadonlyArray<number>
  /** The port to connect to instead of a node's own one. */
  readonly through?: Readonly<Record<number, number>>
}

export interface Cache {
  /** How much it may keep. Clients count in bytes, kilobytes or entries. */
  readonly bytes: number
  readonly entries: number
}

export interface Reader {
  readonly get: (key: string) => Promise<string | null>
  /** Makes so many reads. The promise rejects if a checked reply is wrong. */
  readonly read: (work: Work, reads: number) => Promise<void>
}

/** Opens a client, without a cache if none is given. */
type Open = (nodes: Nodes, cache: Cache | undefined) => Promise<Reader>

/** No entry gets older than a minute. */
const maxAge = 60_000

/** Checking every reply would be measured with the clients. */
const isChecked = (n: number): boolean => n % 49 === 0

type FieldOf = (hash: unknown, field: string) => unknown

const ofRecord: FieldOf = (hash, field) => (hash as Readonly<Record<string, unknown>>)[field]

const check = (kind: Kind, key: string, reply: unknown, fieldOf: FieldOf): void => {
  const [found, wanted] = kind === "text" ? [reply, textOf(key)] : [fieldOf(reply, probe), probed(key)]
  if (found !== wanted) throw new Error(`${key} is ${JSON.stringify(reply)}`.slice(0, 200))
}

interface Commands {
  readonly text: (key: string) => Promise<string | null>
  readonly hash: (key: string) => Promise<unknown>
}

/** A client whose loops are async functions. */
const fromPromises = (commands: Commands, fieldOf: FieldOf = ofRecord): Reader => ({
  get: commands.text,
  read: async (work, reads) => {
    const { kind, loops } = work
    const keyOf = keysOf(work)
    const command = commands[kind]
    const loop = async (first: number): Promise<void> => {
      for (let n = first; n < reads; n += loops) {
        const key = keyOf(n)
        const reply = await command(key)
        if (isChecked(n)) check(kind, key, reply, fieldOf)
      }
    }
    await Promise.all(Array.from({ length: loops }, (_, first) => loop(first)))
  }
})

const openRedisc = async ({ ports, through }: Nodes, cache: Cache | undefined) => {
  const { Address, Cached, Redis } = await import("@redisc/core")
  const { NodeRedisCluster } = await import("@redisc/node")
  const Effect = await import("effect/Effect")
  const ManagedRuntime = await import("effect/ManagedRuntime")
  const runtime = ManagedRuntime.make(NodeRedisCluster.layer({
    nodes: ports.map((port) => `127.0.0.1:${through?.[port] ?? port}`),
    cache: cache === undefined ? "off" : { maxBytes: cache.bytes },
    addressMap: (address) =>
      address._tag === "Tcp" ? Address.tcp(address.host, through?.[address.port] ?? address.port) : address
  }))
  const run = Effect.runPromiseWith(await runtime.context())
  const commands = cache === undefined
    ? {
      text: (key: string) => Redis.get(key),
      hash: (key: string) => Redis.hgetall(key)
    }
    : {
      text: (key: string) => Redis.get(key).pipe(Cached.for("1 minute")),
      hash: (key: string) => Redis.hgetall(key).pipe(Cached.for("1 minute"))
    }
  return { commands, run, Effect }
}

/** A loop is a fiber. */
const redisc: Open = async (nodes, cache) => {
  const { commands, Effect, run } = await openRedisc(nodes, cache)
  const loop = Effect.fnUntraced(function*(work: Work, keyOf: (n: number) => string, first: number, reads: number) {
    const { kind, loops } = work
    const command = commands[kind]
    for (let n = first; n < reads; n += loops) {
      const key = keyOf(n)
      const reply = yield* command(key)
      if (isChecked(n)) check(kind, key, reply, ofRecord)
    }
  })
  return {
    get: (key) => run(commands.text(key)),
    read: (work, reads) => {
      const keyOf = keysOf(work)
      const loops = Array.from({ length: work.loops }, (_, first) => loop(work, keyOf, first, reads))
      return run(Effect.all(loops, { concurrency: "unbounded", discard: true }))
    }
  }
}

const rediscPromises: Open = async (nodes, cache) => {
  const { commands, run } = await openRedisc(nodes, cache)
  return fromPromises({ text: (key) => run(commands.text(key)), hash: (key) => run(commands.hash(key)) })
}

const nodeRedis: Open = async ({ ports, through = {} }, cache) => {
  const { createCluster } = await import("redis")
  const cluster = createCluster({
    RESP: 3,
    rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    nodeAddressMap: Object.fromEntries(
      Object.entries(through).map(([from, port]) => [`127.0.0.1:${from}`, { host: "127.0.0.1", port }])
    ),
    ...(cache === undefined ? {} : { clientSideCache: { ttl: maxAge, maxEntries: cache.entries } })
  })
  cluster.on("error", () => {})
  await cluster.connect()
  return fromPromises({ text: (key) => cluster.get(key), hash: (key) => cluster.hGetAll(key) })
}

const glide: Open = async ({ ports, through }, cache) => {
  const { ClientSideCache, GlideClusterClient, ProtocolVersion } = await import("@valkey/valkey-glide")
  const client = await GlideClusterClient.createClient({
    addresses: ports.map((port) => ({ host: "127.0.0.1", port })),
    protocol: ProtocolVersion.RESP3,
    // The defaults refuse commands beyond 1000, and give up after 250 ms.
    inflightRequestsLimit: 20_000,
    requestTimeout: 5000,
    ...(through === undefined ? {} : { addressResolver: (host, port) => [host, through[port] ?? port] }),
    ...(cache === undefined ? {} : {
      clientSideCache: new ClientSideCache({
        maxCacheKb: Math.ceil(cache.bytes / 1024),
        entryTtlMs: maxAge,
        serverAssisted: true
      })
    })
  })
  const text = async (key: string): Promise<string | null> => {
    const reply = await client.get(key)
    return reply === null ? null : `${reply as string}`
  }
  return fromPromises(
    { text, hash: (key) => client.hgetall(key) },
    (hash, field) =>
      (hash as ReadonlyArray<{ readonly field: unknown; readonly value: unknown }>)
        .find((pair) => pair.field === field)?.value
  )
}

export const readers = {
  redisc,
  "redisc, promises": rediscPromises,
  "node-redis": nodeRedis,
  "valkey-glide": glide
} as const satisfies Readonly<Record<string, Open>>

export type ReaderName = keyof typeof readers

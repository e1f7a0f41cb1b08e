/**
 * Redis clients of others, told to be patient with a cluster that changes, and traffic that checks what they read.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Cluster } from "ioredis"
import { once } from "node:events"
import { ClientClosedError, createCluster, DisconnectsClientError, SocketClosedUnexpectedlyError } from "redis"

type Ports = ReadonlyArray<number>

const openIoredis = async (ports: Ports) => {
  const cluster = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })), {
    retryDelayOnFailover: 20,
    retryDelayOnClusterDown: 20,
    maxRedirections: 200,
    shardedSubscribers: true
  })
  await once(cluster, "ready")
  return cluster
}

const openNodeRedis = async (ports: Ports, protocol: 2 | 3) => {
  const cluster = createCluster({
    RESP: protocol,
    rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    maxCommandRedirections: 200,
    topologyRefreshOnReconnectionAttemptStrategy: 1
  })
  // Without a listener the loss of a node would be thrown.
  cluster.on("error", () => {})
  await cluster.connect()
  return cluster
}

/** An ioredis cluster; closed with the scope. */
export const ioredis = (ports: Ports) =>
  Effect.acquireRelease(
    Effect.promise(() => openIoredis(ports)),
    (cluster) => Effect.promise(() => Promise.all([once(cluster, "end"), cluster.disconnect()]))
  )

/** A node-redis cluster; closed with the scope. */
export const nodeRedis = (ports: Ports, protocol: 2 | 3 = 3) =>
  Effect.acquireRelease(
    Effect.promise(() => openNodeRedis(ports, protocol)),
    (cluster) => Effect.sync(() => cluster.destroy())
  )

/** What is asked of every client alike. */
export interface Client {
  readonly get: (key: string) => Promise<string | null>
  readonly set: (key: string, value: string) => Promise<string | null>
}

const patient = (opened: ReturnType<typeof nodeRedis>): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.map(opened, (cluster) => ({
    get: (key) => again(() => cluster.get(key)),
    set: (key, value) => again(() => cluster.set(key, value))
  }))

/** How each client is opened. */
export const clients: Readonly<Record<string, (ports: Ports) => Effect.Effect<Client, never, Scope.Scope>>> = {
  ioredis: (ports: Ports) =>
    Effect.map(ioredis(ports), (cluster) => ({
      get: (key: string) => cluster.get(key),
      set: (key: string, value: string) => cluster.set(key, value)
    })),
  "node-redis": (ports) => patient(nodeRedis(ports)),
  "node-redis, RESP2": (ports) => patient(nodeRedis(ports, 2))
}

const passing = [SocketClosedUnexpectedlyError, DisconnectsClientError, ClientClosedError]

/** Node-redis leaves it to its user to repeat what met a broken connection or a cluster that is down. */
const again = async <A>(command: () => Promise<A>): Promise<A> => {
  try {
    return await command()
  } catch (problem) {
    if (!passing.some((kind) => problem instanceof kind) && !String(problem).includes("CLUSTERDOWN")) throw problem
    await new Promise((resolve) => setImmediate(resolve))
    return again(command)
  }
}

/** Writes and reads keys until it is stopped, and fails when something else is read than was written. */
const startTraffic = (client: Client, keys: ReadonlyArray<string>) => {
  const rounds = keys.map(() => 0)
  const waiting = new Set<() => void>()
  const end = new AbortController()
  const ending = end.signal
  const work = async (key: string, index: number) => {
    do {
      const value = `${key} ${++rounds[index]}`
      await client.set(key, value)
      assert.strictEqual(await client.get(key), value)
      for (const look of waiting) look()
    } while (!ending.aborted)
  }
  const done = Promise.all(keys.map(work))
  const lap = (): Promise<unknown> => {
    const before = [...rounds]
    const all = new Promise<void>((resolve) => {
      const look = () => {
        // One round may have begun before, so it takes the next.
        if (!rounds.every((round, index) => round >= before[index] + 3)) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
    })
    return Promise.race([all, done])
  }
  return {
    /** Waits until every key was written and read anew. */
    lap: Effect.promise(lap),
    stop: Effect.promise(() => {
      end.abort()
      return done
    }),
    end: () => end.abort()
  }
}

/** Traffic that goes on until it is stopped, or the scope closes. */
export const makeTraffic = (client: Client, keys: ReadonlyArray<string>) =>
  Effect.acquireRelease(Effect.sync(() => startTraffic(client, keys)), ({ end }) => Effect.sync(end))

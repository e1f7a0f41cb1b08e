/** Nodes that watch keys, and a client whose reads may be kept. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Cached from "../../src/Cached.ts"
import * as Redis from "../../src/Redis.ts"
import type * as RedisCluster from "../../src/RedisCluster.ts"
import type * as Resp from "../../src/Resp.ts"
import { clientOf, start } from "./client.ts"
import { settle, threeNodes } from "./scenes.ts"
import { Reply } from "./ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedConnection, ScriptedNode } from "./ScriptedCluster.ts"

export const ok = Reply.simple("OK")

/** What turns the watch of a connection on. */
export const turnOn = "CLIENT TRACKING ON OPTIN"

/** What is written for a read of a key on a connection that is watched. */
export const watched = (key: string, read = `GET ${key}`) => ["CLIENT CACHING YES", `PTTL ${key}`, read]

/** Lets nodes watch keys, and answer from what they have: `values`, and `lefts`, the milliseconds that keys have left. */
export const watching = (cluster: ScriptedCluster) => {
  const values = new Map<string, string>()
  const lefts = new Map<string, number>()
  const valueOf = (key: string): Resp.Reply => {
    const value = values.get(key)
    return value === undefined ? Reply.null : Reply.bulk(value)
  }
  for (const node of cluster.nodes.values()) {
    node.on("CLIENT TRACKING", ok).on("CLIENT CACHING", ok)
      .on("PTTL", ([key]) => Reply.integer(values.has(key) ? lefts.get(key) ?? -1 : -2))
      .on("GET", ([key]) => valueOf(key))
      .on("MGET", (keys) => Reply.array(keys.map(valueOf)))
      .on("EXISTS", (keys) => Reply.integer(keys.filter((key) => values.has(key)).length))
      .on("SET", ([key, value]) => {
        values.set(key, value)
        return ok
      })
  }
  return { values, lefts }
}

/** A client of such nodes, three primaries. */
export const caching = Effect.fnUntraced(function*(
  options?: Partial<RedisCluster.Options>,
  prepare: (nodes: ReturnType<typeof threeNodes>) => void = () => {}
) {
  const nodes = threeNodes()
  const kept = watching(nodes.cluster)
  prepare(nodes)
  const client = yield* clientOf(nodes.cluster, options)
  const read = (key: string, maxAge: Duration.Input = "1 minute") => client.run(Redis.get(key).pipe(Cached.for(maxAge)))
  return { ...nodes, ...kept, ...client, read }
})

/** How often a node was asked for a key. */
export const gets = (node: ScriptedNode, key: string): number => node.count(`GET ${key}`)

/** What came over the connections of a node about the watch, and reads. */
export const asked = (node: ScriptedNode): ReadonlyArray<string> =>
  node.connections.flatMap(({ received }) => received)
    .filter((line) => /^(CLIENT (TRACKING|CACHING)|PTTL|GET|MGET|EXISTS|ASKING)\b/.test(line))

/** The connection on which a node watches keys. */
export const watcher = (node: ScriptedNode): ScriptedConnection => {
  const connection = node.live.find(({ received }) => received.includes(turnOn))
  if (connection === undefined) throw new Error(`${node.key} watches nothing`)
  return connection
}

export const invalidated = (...keys: ReadonlyArray<string>): Resp.Reply =>
  Reply.push([Reply.bulk("invalidate"), Reply.array(keys.map((key) => Reply.bulk(key)))])

/** What is pushed when a node has forgotten all keys. */
export const flushed = Reply.push([Reply.bulk("invalidate"), Reply.null])

/** The failures that a client tells of from now on. */
export const told = Effect.fnUntraced(function*({ failures }: RedisCluster.RedisCluster["Service"]) {
  const all: Array<RedisCluster.BackgroundFailure> = []
  yield* Effect.forkChild(
    Stream.runForEach(failures, (failure) => Effect.sync(() => all.push(failure))),
    { startImmediately: true }
  )
  return all
})

/** Runs effects at once, each in a fiber of its own, and answers the fibers. */
export const startAll = <A, E, R>(effect: Effect.Effect<A, E, R>, count: number) =>
  Effect.replicateEffect(start(effect), count)

/** What fibers have ended with. */
export const joined = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  Effect.andThen(settle, Effect.forEach(fibers, Fiber.join))

export const now = Effect.map(Clock.Clock, (clock) => clock.currentTimeMillisUnsafe())

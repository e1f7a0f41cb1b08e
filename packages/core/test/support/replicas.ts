/** A client of shards with replicas, and what those say of themselves. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ReadFrom from "../../src/ReadFrom.ts"
import * as Redis from "../../src/Redis.ts"
import type * as RedisCluster from "../../src/RedisCluster.ts"
import { connectedTo, start } from "./client.ts"
import { advance, keyOfA, settle } from "./scenes.ts"
import { Reply } from "./ScriptedCluster.ts"
import type { ScriptedNode } from "./ScriptedCluster.ts"
import type { Slots } from "./slotsReply.ts"

type Read = Effect.Effect<string | null, Redis.RedisError>

export const oneShard: Slots = [[0, 16383, "a:7000", "b:7000", "c:7000"]]

/** What a primary answers to ROLE. */
export const primary = (offset = 0) => Reply.array([Reply.bulk("master"), Reply.integer(offset), Reply.array([])])

/** What a replica does. */
export const replica = (link = "connected", offset = 0) =>
  Reply.array([
    Reply.bulk("slave"),
    Reply.bulk("a"),
    Reply.integer(7000),
    Reply.bulk(link),
    Reply.integer(link === "connected" ? offset : -1)
  ])

/**
 * A client of a primary, `a`, with the replicas `b` and `c`, unless other slots are given. Each node answers ROLE by its
 * place there, and GET by its address: `get` tells who has answered.
 */
export const shard = Effect.fnUntraced(function*(
  options?: Partial<RedisCluster.Options> & { readonly slots?: Slots }
) {
  const { slots = oneShard, ...settings } = options ?? {}
  const client = yield* connectedTo(slots, settings)
  const { cluster, run } = client
  for (const [, , first, ...others] of slots) {
    cluster.node(first).on("ROLE", primary())
    for (const key of others) cluster.node(key).on("ROLE", replica())
  }
  const get = (readFrom?: ReadFrom.ReadFrom, key = keyOfA) =>
    run(readFrom === undefined ? Redis.get(key) : ReadFrom.provide(Redis.get(key), readFrom))
  /** Who answers so many reads, one after the other. */
  const answers = (count: number, readFrom?: ReadFrom.ReadFrom, key?: string) =>
    Effect.replicateEffect(get(readFrom, key), count)
  /** The first read, after which replicas have told that they are fit. */
  const warm = (readFrom?: ReadFrom.ReadFrom) => Effect.andThen(get(readFrom), settle)
  const node = (name: string): ScriptedNode => cluster.node(`${name}:7000`)
  return { ...client, a: node("a"), b: node("b"), c: node("c"), get, answers, warm }
})

/** Reads for so many milliseconds, every 50 of them, and answers who answered. */
export const reading = (get: Read, millis: number) =>
  Effect.replicateEffect(
    Effect.flatMap(start(get), (fiber) => Effect.andThen(advance(50), Fiber.join(fiber))),
    millis / 50
  )

/** Begins a read as often, without waiting for any. */
export const startReading = (get: Read, millis: number) =>
  Effect.replicateEffect(Effect.tap(start(get), advance(50)), millis / 50)

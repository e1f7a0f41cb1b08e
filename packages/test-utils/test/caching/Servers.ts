/** What the scenarios of cached reads are written against: servers of any kind, a client of them, and others that write. */
import { assert } from "@effect/vitest"
import { Cached, Redis } from "@redisc/core"
import type { RedisCluster } from "@redisc/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export type Client = RedisCluster.Services

export class Servers extends Context.Service<Servers, {
  /** A client of its own. */
  readonly client: (options?: RedisCluster.SourceOptions) => Layer.Layer<Client, Redis.RedisError>
}>()("caching/Servers") {}

export const withClient =
  (options?: RedisCluster.SourceOptions) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Redis.RedisError, Exclude<R, Client> | Servers> =>
    Effect.flatMap(Servers, ({ client }) => Effect.provide(effect, client(options)))

/** A scenario with a client that caches. */
export const scenario = <E>(
  name: string,
  run: Effect.Effect<void, E, Client | Servers | Scope.Scope>,
  options?: RedisCluster.SourceOptions
) => ({ name, run: withClient(options)(run) })

/** Runs effects by a client of its own, which caches nothing: for the writes of others. */
export const others = Effect.flatMap(
  Servers,
  ({ client }) =>
    Effect.map(
      Layer.build(client({ cache: "off" })),
      (context) => <A, E>(effect: Effect.Effect<A, E, Client>) => Effect.provideContext(effect, context)
    )
)

export const read = (key: string | Uint8Array) => Redis.get(key).pipe(Cached.for("1 minute"))

/** How many reads have been answered in each way so far. */
export const counts = Effect.map(Cached.stats, (stats) => {
  const { hits, misses, shared } = stats ?? assert.fail("there is no cache")
  return { hits, misses, shared }
})

/** How many reads an effect makes travel. */
export const travelling = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* counts
    yield* effect
    return (yield* counts).misses - before.misses
  })

/** Waits for what a client is told of from now on. */
export const hearing = Effect.gen(function*() {
  const queue = yield* Queue.unbounded<Cached.Invalidation>()
  yield* Effect.forkScoped(Stream.runForEach(Cached.invalidations, (told) => Queue.offer(queue, told)), {
    startImmediately: true
  })
  /** Waits for something about a key. */
  const about = (key: string | Uint8Array, cause?: Cached.Invalidation["cause"]) =>
    Effect.repeat(Queue.take(queue), {
      until: (told) => Cached.concerns(told, key) && (cause === undefined || told.cause === cause)
    })
  return { about }
})

/** Reads until the reply is kept: what is pushed of one's own write comes behind the write's reply, and may void the next read. */
export const settled = (key: string | Uint8Array) =>
  Effect.repeat(travelling(read(key)), { until: (travelled) => travelled === 0 })

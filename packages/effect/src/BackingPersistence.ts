/**
 * The backing of Effect's `Persistence` on Redis, for clusters: `PersistedCache`, `RequestResolver.persisted` and your own stores.
 *
 * It differs from Effect's own backing over `EffectRedis` in writing many entries: there that is one script over all keys, which on a
 * cluster fails unless they are in one slot.
 *
 * **What it guarantees**
 *
 * - Keys, values and expiries are the same as those of `Persistence.layerBackingRedis`, so either reads what the other has written.
 * - Each entry is written together with its expiry. An expiry is rounded up to a whole millisecond.
 * - Reads and writes of many entries travel together, a part to each slot.
 * - `clear` removes what is in the store when it begins, even while slots move. It blocks no server.
 *
 * **Its limits**
 *
 * - Many entries are not written as one: if it fails, some may be written.
 * - What is written while `clear` runs may be removed or stay.
 *
 * @since 0.1.0
 */
import { Client } from "@redisc/core/Client"
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Scan from "@redisc/core/Scan"
import type { NonEmptyArray } from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { globOf } from "./internal/globs.ts"

type Store = Persistence.BackingPersistenceStore

const failed = (message: string) => (cause: unknown) => new Persistence.PersistenceError({ message, cause })

/** The namespace of a store, as Effect writes it: two stores never share one. */
const namespaceOf = (storeId: string): string => `${storeId.replace(/%/g, "%25").replace(/:/g, "%3A")}:`

const parse = (text: string | null): Effect.Effect<object | undefined, Persistence.PersistenceError> =>
  text === null ? Effect.undefined : Effect.try({
    try: () => JSON.parse(text) as object,
    catch: failed("what is stored is not JSON")
  })

/** An entry that is no JSON counts as missing, so that one of them does not spoil the others. */
const parseOrMissing = (text: string | null): object | undefined => {
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const setOf = (key: string, value: object, ttl: Duration.Duration | undefined): Command.Command<unknown> => {
  const json = JSON.stringify(value)
  if (json === undefined) return Command.invalid(setSpec, "its value has no JSON")
  // What is written twice is the same, so a lost connection does no harm.
  return Command.idempotent(
    ttl === undefined || !Duration.isFinite(ttl)
      ? Redis.set(key, json)
      : Redis.set(key, json, { ex: ttl })
  )
}

const setSpec = Redis.set("", "").spec

/** JSON.stringify throws for values that contain themselves. */
const entry = (make: () => Command.Command<unknown>) =>
  Effect.try({ try: make, catch: failed("a value could not be turned into JSON") })

const storeOf = (client: Client["Service"], namespace: string): Store => {
  const { redis } = client
  const execute = <A>(what: string, command: Command.Command<A>) =>
    Effect.mapError(redis.execute(command), failed(`could not ${what}`))
  const nameOf = (key: string) => `${namespace}${key}`
  return identity<Store>({
    get: (key) => Effect.flatMap(execute("get an entry", Redis.get(nameOf(key))), parse),
    getMany: (keys) =>
      Effect.map(
        execute("get entries", Redis.mget(keys.map(nameOf))),
        (values) => values.map(parseOrMissing) as NonEmptyArray<object | undefined>
      ),
    set: (key, value, ttl) =>
      Effect.flatMap(
        entry(() => setOf(nameOf(key), value, ttl)),
        (command) => Effect.asVoid(execute("set an entry", command))
      ),
    setMany: (entries) =>
      Effect.flatMap(
        Effect.forEach(entries, ([key, value, ttl]) => entry(() => setOf(nameOf(key), value, ttl))),
        (commands) =>
          Effect.flatMap(redis.executeAll(commands, { orNone: true }), (results) => {
            const failure = results.find(Result.isFailure)
            return failure === undefined
              ? Effect.void
              : Effect.fail(failed("could not set all entries")(failure.failure))
          })
      ),
    remove: (key) => Effect.asVoid(execute("remove an entry", Command.idempotent(Redis.del([nameOf(key)])))),
    clear: Scan.unlinkMatching(globOf(namespace)).pipe(
      Stream.runDrain,
      Effect.provideService(Client, client),
      Effect.mapError(failed("could not clear the store"))
    )
  })
}

/**
 * Provides the backing of Effect's `Persistence` from a redisc client.
 *
 * **Details**
 *
 * Everything fails with Effect's `PersistenceError`, whose cause is redisc's error.
 *
 * **Example** (Results of requests, kept by the cluster)
 *
 * ```ts
 * import { BackingPersistence } from "@redisc/effect"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Layer } from "effect"
 * import { Persistence } from "effect/persistence"
 *
 * const PersistenceLive = Persistence.layer.pipe(
 *   Layer.provide(BackingPersistence.layer),
 *   Layer.provide(NodeRedisCluster.layer({ nodes: ["10.0.0.1:6379"] }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Persistence.BackingPersistence, never, Client> = Layer.effect(
  Persistence.BackingPersistence,
  Effect.map(Client, (client) =>
    Persistence.BackingPersistence.of({
      make: (storeId) => Effect.sync(() => storeOf(client, namespaceOf(storeId)))
    }))
)

/**
 * Effect's `KeyValueStore` on Redis, which Effect lacks: text and bytes by key, on a cluster or any other Redis.
 *
 * **What it guarantees**
 *
 * - Values are stored as they are: text as UTF-8, bytes as bytes. `getUint8Array` gives exactly the bytes that were set, also those of text.
 * - `modify` is atomic: no other write is lost. Its function is called again if the value was changed meanwhile.
 * - `keys` and `clear` include every key that is there from their beginning to their end, even while slots move. They block no server.
 *
 * **Its limits**
 *
 * - `get` of bytes that are not UTF-8 gives text in which those bytes are replaced. Read them with `getUint8Array`.
 * - `size`, `keys`, `clear` and `isEmpty` go through all keys of the cluster, also those of others. They are for tools and tests.
 * - Entries have no expiry. If you set one by other means, `modify` keeps it, and `set` removes it.
 *
 * @since 0.1.0
 */
import { Client } from "@redisc/core/Client"
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import type * as RedisError from "@redisc/core/RedisError"
import * as Scan from "@redisc/core/Scan"
import * as Script from "@redisc/core/Script"
import type * as Settings from "@redisc/core/Settings"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Store from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { checkOptions, prefixCheck } from "./internal/failures.ts"
import { globOf } from "./internal/globs.ts"

/**
 * The options of the store.
 *
 * **Details**
 *
 * - `prefix`: text in front of all keys of the store, without braces. Default `"kvs:"`. Give each store its own, since `clear` removes all
 *   keys with it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly prefix?: string | undefined
}

const checks: Settings.Checks = { prefix: prefixCheck }

/** Writes if the value is still the one that was read, and keeps its expiry. */
const replace = Script.make({
  lua: `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2], "KEEPTTL")
return 1`,
  params: (key: string, before: Command.Arg, after: Command.Arg) => ({ keys: [key], args: [before, after] }),
  result: Schema.BooleanFromBit
})

const failed = (method: string, key?: string) => (cause: RedisError.RedisError) =>
  new Store.KeyValueStoreError({
    method,
    message: `could not ${method}: ${cause.message}`,
    cause,
    ...(key === undefined ? {} : { key })
  })

/**
 * Makes the store. See {@link layer}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Store.KeyValueStore, RedisError.RedisError, Client> {
  yield* checkOptions(options, checks)
  const { prefix = "kvs:" } = options
  const client = yield* Client
  const { redis } = client

  const execute = <A>(method: string, key: string, command: (name: string) => Command.Command<A>) =>
    Effect.mapError(
      Effect.suspend(() => redis.execute(command(`${prefix}${key}`))),
      failed(method, key)
    )

  const get = (key: string) => Effect.map(execute("get", key, Redis.get), (value) => value ?? undefined)

  const getUint8Array = (key: string) =>
    Effect.map(
      execute("getUint8Array", key, (name) => Command.bytes(Redis.get(name))),
      (value) => value ?? undefined
    )

  /** Reads, computes, and writes if nothing has changed in between; otherwise again. */
  const modifying = <A extends Command.Arg>(
    method: string,
    read: (key: string) => Effect.Effect<A | undefined, Store.KeyValueStoreError>
  ) => {
    const again = (key: string, f: (value: A) => A): Effect.Effect<A | undefined, Store.KeyValueStoreError> =>
      Effect.flatMap(read(key), (before) => {
        if (before === undefined) return Effect.undefined
        const after = f(before)
        return Effect.flatMap(
          execute(method, key, (name) => replace(name, before, after)),
          (done) => done ? Effect.succeed(after) : again(key, f)
        )
      })
    return again
  }

  const keysUnder = (method: string, start: string) =>
    Scan.keys({ match: globOf(`${prefix}${start}`) }).pipe(
      Stream.runCollect,
      // A key that moves during a scan may be found twice.
      Effect.map((keys) => Array.from(new Set(keys), (key) => key.slice(prefix.length))),
      Effect.provideService(Client, client),
      Effect.mapError(failed(method))
    )

  const clearUnder = (method: string, start: string) =>
    Scan.unlinkMatching(globOf(`${prefix}${start}`)).pipe(
      Stream.runDrain,
      Effect.provideService(Client, client),
      Effect.mapError(failed(method))
    )

  const keys = keysUnder("keys", "")
  return Store.make({
    get,
    getUint8Array,
    set: (key, value) => Effect.asVoid(execute("set", key, (name) => Command.idempotent(Redis.set(name, value)))),
    remove: (key) => Effect.asVoid(execute("remove", key, (name) => Command.idempotent(Redis.del([name])))),
    has: (key) => Effect.map(execute("has", key, (name) => Redis.exists([name])), (count) => count > 0),
    modify: modifying("modify", get),
    modifyUint8Array: modifying("modifyUint8Array", getUint8Array),
    keys,
    size: Effect.map(keysUnder("size", ""), (found) => found.length),
    clear: clearUnder("clear", ""),
    clearPrefix: (start) => clearUnder("clearPrefix", start)
  })
})

/**
 * Provides Effect's `KeyValueStore` from a redisc client.
 *
 * **Details**
 *
 * The layer fails with `InvalidArgument` if an option is wrong. Everything else fails with Effect's `KeyValueStoreError`, whose cause is
 * redisc's error.
 *
 * **Example** (Settings of users)
 *
 * ```ts
 * import { KeyValueStore } from "@redisc/effect"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Effect, Layer } from "effect"
 * import { KeyValueStore as Store } from "effect/persistence"
 *
 * const StoreLive = KeyValueStore.layer({ prefix: "settings:" }).pipe(
 *   Layer.provide(NodeRedisCluster.layer({ nodes: ["10.0.0.1:6379"] }))
 * )
 *
 * const theme = Effect.gen(function*() {
 *   const store = yield* Store.KeyValueStore
 *   yield* store.set("ada:theme", "dark")
 *   return yield* store.get("ada:theme") // "dark"
 * }).pipe(Effect.provide(StoreLive))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Store.KeyValueStore, RedisError.RedisError, Client> =>
  Layer.effect(Store.KeyValueStore, make(options))

/**
 * The store of Effect's `PersistedQueue` on Redis, for clusters: each queue has a hash tag of its own, so queues spread over shards.
 *
 * **What it guarantees**
 *
 * - **At least once**: an element is delivered until a handler has succeeded, or its attempts are used up. What a worker held that was
 *   killed or cut off is delivered again once its lease has ended (`lockExpiration`), and counts as an attempt.
 * - While its lease lasts, an element is with one worker only. A worker that has lost its claim can no longer complete or fail the element.
 * - Offering is repeatable: an element whose offer had to be sent again, because a connection was lost, is in the queue once. With an id
 *   of your own this holds until `layerCleanup` forgets the id.
 * - Each step is one script that declares all its keys, so resharding and failovers are handled as for any command. Delays and leases go
 *   by the server's clock.
 * - While Redis is away, `take` waits; a step after a handler is tried again until the lease has ended.
 * - Elements that failed for good are kept, with their attempts and the last failure.
 *
 * **Its limits**
 *
 * - A failover may lose the last steps, since replication is asynchronous: an offer is lost, or an element delivered once more. See
 *   `Redis.ensureReplication` for offers that must not be lost.
 * - A queue is in one slot, and so on one shard. Spread very busy work over several queues.
 * - An element that another process has offered is seen within `pollInterval`.
 * - The keys are not those of Effect's own Redis store. Let a queue run empty before you change over.
 *
 * The keys of a queue `mail` are `{effectq:mail}:ready`, `:delayed`, `:items` (elements by id), `:claims`, `:owners`, `:attempts`,
 * `:failed` (ids by time), `:failures` (last failure by id) and `:ids`.
 *
 * @since 0.1.0
 */
import { Client } from "@redisc/core/Client"
import type * as RedisError from "@redisc/core/RedisError"
import * as Scan from "@redisc/core/Scan"
import * as Settings from "@redisc/core/Settings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { checkOptions, prefixCheck } from "./internal/failures.ts"
import { globOf } from "./internal/globs.ts"
import { Queue } from "./internal/queue.ts"
import * as Scripts from "./internal/queueScripts.ts"

/**
 * The options of the store.
 *
 * **Details**
 *
 * - `prefix`: text in front of the names of all queues, without braces. Default `"effectq:"`.
 * - `pollInterval`: how long an empty queue is left alone. Default a second. What this process offers is seen at once.
 * - `lockExpiration`: how long an element stays with a worker that says nothing. Default 90 seconds.
 * - `lockRefreshInterval`: how often a worker that is alive prolongs its leases. Default a third of `lockExpiration`.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly prefix?: string | undefined
  readonly pollInterval?: Duration.Input | undefined
  readonly lockRefreshInterval?: Duration.Input | undefined
  readonly lockExpiration?: Duration.Input | undefined
}

const checks: Settings.Checks = {
  prefix: prefixCheck,
  pollInterval: Settings.duration,
  lockRefreshInterval: Settings.duration,
  lockExpiration: Settings.duration
}

type Service = PersistedQueue.PersistedQueueStore["Service"]

/** A brace in a name would end the hash tag. */
const rootOf = (prefix: string, name: string): string =>
  `{${prefix}${name.replace(/[%{}]/g, (char) => encodeURIComponent(char))}}`

const failed = (cause: RedisError.RedisError) =>
  new PersistedQueue.PersistedQueueError({ message: "the queues could not be cleaned up", cause })

/**
 * Makes the store. See {@link layer}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Service, RedisError.RedisError, Client | Scope.Scope> {
  yield* checkOptions(options, checks)
  const { prefix = "effectq:" } = options
  const client = yield* Client
  const { redis } = client
  const leaseMillis = Duration.toMillis(Duration.fromInputUnsafe(options.lockExpiration ?? "90 seconds"))
  const setting = {
    redis,
    scope: yield* Effect.scope,
    pollInterval: Duration.fromInputUnsafe(options.pollInterval ?? "1 second"),
    leaseMillis
  }
  const refreshInterval = options.lockRefreshInterval ?? leaseMillis / 3

  const queues = new Map<string, Queue>()
  const queueOf = (name: string): Queue => {
    const known = queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue(rootOf(prefix, name), setting)
    queues.set(name, queue)
    return queue
  }

  yield* Effect.suspend(() =>
    Effect.forEach(
      queues.values(),
      ({ renew }) => Effect.ignore(renew, { log: "Warn", message: "Leases of a persisted queue were not prolonged" }),
      { concurrency: 16, discard: true }
    )
  ).pipe(Effect.delay(refreshInterval), Effect.repeat(Schedule.forever), Effect.forkScoped)

  /** The queues that have a key, also those of other processes. */
  const rootsWith = (part: "ids" | "failed") =>
    Scan.keys({ match: `{${globOf(prefix)}}:${part}` }).pipe(
      Stream.runCollect,
      Effect.map((keys) => new Set(keys.flatMap((key) => Scripts.rootOf(key, part) ?? []))),
      Effect.provideService(Client, client)
    )

  const inEach = <A>(roots: Iterable<string>, step: (root: string) => Effect.Effect<A, RedisError.RedisError>) =>
    Effect.forEach(roots, step, { concurrency: 16, discard: true })

  return PersistedQueue.PersistedQueueStore.of({
    offer: (element) => queueOf(element.name).offer(element),
    take: (wanted) => queueOf(wanted.name).take(wanted),
    cleanup: ({ failedTimeToLive, timeToLive }) => {
      const ids = Effect.flatMap(
        rootsWith("ids"),
        (roots) => inEach(roots, (root) => redis.execute(Scripts.forget(root, Duration.toMillis(timeToLive))))
      )
      const dead = failedTimeToLive === undefined ?
        Effect.void :
        Effect.flatMap(
          rootsWith("failed"),
          (roots) =>
            inEach(
              roots,
              (root) =>
                Effect.repeat(redis.execute(Scripts.removeFailed(root, Duration.toMillis(failedTimeToLive))), {
                  while: (removed) => removed === Scripts.portion
                })
            )
        )
      return Effect.mapError(Effect.andThen(ids, dead), failed)
    }
  })
})

/**
 * Provides the store of Effect's `PersistedQueue` from a redisc client.
 *
 * **Details**
 *
 * The layer fails with `InvalidArgument` if an option is wrong. Offering and taking fail with Effect's `PersistedQueueError`, whose cause
 * is redisc's error.
 *
 * **Example** (Mail that is sent by any of several workers)
 *
 * ```ts
 * import { PersistedQueueStore } from "@redisc/effect"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Effect, Layer, Schema } from "effect"
 * import { PersistedQueue } from "effect/persistence"
 *
 * const QueuesLive = PersistedQueue.layer.pipe(
 *   Layer.provide(PersistedQueueStore.layer()),
 *   Layer.provide(NodeRedisCluster.layer({ nodes: ["10.0.0.1:6379"] }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const mail = yield* PersistedQueue.make({ name: "mail", schema: Schema.Struct({ to: Schema.String }) })
 *   yield* mail.offer({ to: "ada" }, { id: "welcome-ada" })
 *   yield* mail.take(({ to }) => Effect.log(`mail to ${to}`))
 * }).pipe(Effect.provide(QueuesLive))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<PersistedQueue.PersistedQueueStore, RedisError.RedisError, Client> =>
  Layer.effect(PersistedQueue.PersistedQueueStore, make(options))

/**
 * Effect's own Redis service, `effect/persistence/Redis`, over a redisc client: a cluster, a Sentinel group or one server.
 *
 * What is built on that service then works on a cluster: Effect's persistence modules and packages of others. Effect's drivers
 * send scripts by digest to whatever node has the key, and fail there with NOSCRIPT, or with CROSSSLOT; this service does not.
 *
 * **What it guarantees**
 *
 * - `send` takes any name of a command, in upper or lower case. The keys are found by the table of commands. Commands with keys of
 *   several slots (MGET, DEL) are split, those about the whole cluster (KEYS, DBSIZE) go to every node, and the replies are put together.
 * - `eval` depends on no node's cache of scripts: the digest is sent, and the text to a node that does not know it.
 * - A script **without keys** whose first argument has a hash tag is sent to the owner of that tag's slot. Its keys must all have that
 *   tag.
 * - SCAN goes through the whole cluster behind one cursor. The cursor is text, and means something only to this service; it holds across
 *   resharding, failovers and restarts of the program. Every key that is there from the beginning to the end is returned. A page may have
 *   more keys than COUNT says.
 * - `reserve` is one connection to the whole cluster: it opens one dedicated socket to each node that its commands touch.
 * - Redirects, failovers and lost connections are handled as for any command of redisc.
 *
 * **Its limits**
 *
 * - A script with keys of several slots can't be split, and fails with `CrossSlot`. Of Effect's own modules these are token buckets,
 *   `setMany`, and queues: use the stores of this package, whose keys are in one slot each.
 * - A script without keys gets no redirect from a server. If its slot has just moved, it fails ("non local key"), after which the client
 *   knows the new owner.
 * - Replies have the shapes of RESP2 as far as that can be known: a map is a flat list, a boolean 0 or 1. Over RESP3, scores are numbers.
 * - Arguments and replies are text.
 *
 * @since 0.1.0
 */
import { Client } from "@redisc/core/Client"
import type * as Command from "@redisc/core/Command"
import * as PubSub from "@redisc/core/PubSub"
import * as Redis from "@redisc/core/Redis"
import type * as RedisError from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Persisted from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cursors from "./internal/cursors.ts"
import { toPersisted } from "./internal/failures.ts"
import { Lease } from "./internal/lease.ts"
import { plain } from "./internal/replies.ts"
import * as Scripts from "./internal/scripts.ts"
import { fromWords, tagOf } from "./internal/words.ts"

type Service = Persisted.Redis["Service"]

/** Effect's functions let callers say what a reply is; what it is depends on the command. */
const toReply = <A>(work: Effect.Effect<unknown, RedisError.RedisError>): Effect.Effect<A, Persisted.RedisError> =>
  Effect.mapError(work, toPersisted) as Effect.Effect<A, Persisted.RedisError>

const isAstray = ({ reason }: RedisError.RedisError): boolean =>
  reason._tag === "ServerError" && /non local key/i.test(reason.text)

/** A command over the shared connections. */
const shared = (client: Client["Service"]): Scripts.Execute => (command) => {
  const tag = tagOf(command)
  const work = client.redis.execute(command)
  // The server said nothing about the new owner of the slot; it will in answer to a command that has a key.
  return tag === undefined ?
    work :
    Effect.tapError(
      work,
      (error) => isAstray(error) ? Effect.ignore(client.redis.execute(Redis.exists([tag]))) : Effect.void
    )
}

const scanOr = (
  client: Client["Service"],
  command: Command.Command<Resp.Value>,
  execute: (command: Command.Command<Resp.Value>) => Effect.Effect<unknown, RedisError.RedisError>
): Effect.Effect<unknown, RedisError.RedisError> =>
  command.problem === undefined && Cursors.isScan(command)
    ? Effect.provideService(Cursors.page(command), Client, client)
    : execute(command)

const reserve = (client: Client["Service"]): Service["reserve"] =>
  Effect.map(Effect.scope, (scope) => {
    const lease = new Lease(client, scope)
    const execute = (command: Command.Command<Resp.Value>) => lease.execute(command)
    return identity<Persisted.Connection>({
      send: (name, ...args) => Effect.suspend(() => toReply(scanOr(client, fromWords(name, args), execute))),
      eval: (script) => (...params) => toReply(Scripts.run(execute as Scripts.Execute, script, params))
    })
  })

/** More messages than that mean that the program is dead. The queue behind them has no bound. */
const burst = 1_000_000

const subscribe = (client: Client["Service"]) =>
  Effect.fnUntraced(function*(channel: string) {
    const scope = yield* Effect.scope
    const queue = yield* Queue.unbounded<Persisted.RedisMessage, Persisted.RedisError>()
    yield* Scope.addFinalizer(scope, Queue.shutdown(queue))
    const fail = (error: RedisError.RedisError) => Queue.fail(queue, toPersisted(error))
    const read = (events: Stream.Stream<PubSub.Event, RedisError.RedisError>) =>
      Stream.runForEach(events, (event) =>
        Effect.sync(() => {
          if (event._tag === "Message") Queue.offerUnsafe(queue, { channel: event.channel, message: event.payload })
        }))
    yield* PubSub.listen({ channels: [channel] }, { buffer: burst, overflow: "fail" }).pipe(
      Effect.provideService(Client, client),
      Effect.flatMap((events) => Effect.forkScoped(Effect.catch(read(events), fail))),
      Effect.catch(fail)
    )
    return queue
  })

/**
 * Makes Effect's Redis service from a client. Nothing is opened: it uses the client's connections.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Service, never, Client> = Effect.map(Client, (client) => {
  const execute = shared(client)
  return Persisted.Redis.of({
    send: (name, ...args) =>
      Effect.suspend(() =>
        toReply(scanOr(client, fromWords(name, args), (command) => Effect.map(execute(command), plain)))
      ),
    eval: (script) => (...params) => toReply(Effect.map(Scripts.run(execute, script, params), plain)),
    subscribe: subscribe(client),
    reserve: reserve(client)
  })
})

/**
 * Provides `effect/persistence/Redis` from a redisc client.
 *
 * **Details**
 *
 * Failures are Effect's `RedisError`, whose `cause` is the `RedisError` of redisc: what was tried, where, how often, and whether it may
 * have been executed. A wrong argument fails in the same way, before anything is sent.
 *
 * - `subscribe` waits until the server has confirmed the subscription. It follows failovers; messages published in between are lost. A
 *   subscription that is refused fails the dequeue.
 * - `reserve` opens its sockets when they are needed, and gives them back with the scope. A command without a key goes where the last
 *   one with a key went. After WATCH or MULTI a key of another node fails, until EXEC, DISCARD or UNWATCH. The commands between MULTI
 *   and EXEC are kept, and sent together at EXEC: so what is wrong with one of them is known at EXEC, not when it is queued. They must be about one slot.
 * - A reserved connection whose socket was lost stays lost, as watched keys and the like were lost with it: reserve another.
 *
 * **Example** (A persisted cache on a cluster)
 *
 * ```ts
 * import { EffectRedis } from "@redisc/effect"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Layer } from "effect"
 * import { Persistence } from "effect/persistence"
 *
 * const PersistenceLive = Persistence.layerRedis.pipe(
 *   Layer.provide(EffectRedis.layer),
 *   Layer.provide(NodeRedisCluster.layer({ nodes: ["10.0.0.1:6379"] }))
 * )
 * ```
 *
 * **Example** (A blocking command on a connection of its own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Redis } from "effect/persistence"
 *
 * const next = Effect.scoped(Effect.gen(function*() {
 *   const redis = yield* Redis.Redis
 *   const connection = yield* redis.reserve
 *   return yield* connection.send<readonly [key: string, job: string] | null>("BLPOP", "jobs", "5")
 * }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Persisted.Redis, never, Client> = Layer.effect(Persisted.Redis, make)

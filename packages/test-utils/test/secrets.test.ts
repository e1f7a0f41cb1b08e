/**
 * Tokens that end, on real servers: each token is a user of its own, and when it ends, its user is deleted, so that the server hangs
 * up on everybody who is still logged in with it.
 */
import { assert, layer } from "@effect/vitest"
import type * as Connection from "@redisc/core/Connection"
import * as PubSub from "@redisc/core/PubSub"
import * as Redis from "@redisc/core/Redis"
import type { RedisError } from "@redisc/core/RedisError"
import * as Session from "@redisc/core/Session"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { calm } from "./chaos/patience.ts"
import { isLong } from "./chaos/stretch.ts"

/** In milliseconds. */
const life = 10_000
const stretch = isLong ? 42_000 : 22_000

/** Makes tokens, and ends them. */
const tokens = Effect.gen(function*() {
  const cluster = yield* RealCluster.RealCluster
  const scope = yield* Effect.scope
  const everywhere = (name: string, ...args: ReadonlyArray<string>) =>
    Effect.flatMap(
      cluster.nodes,
      (nodes) => Effect.forEach(nodes, (node) => cluster.command(node, name, args), { concurrency: "unbounded" })
    )
  let made = 0
  let cut = 0
  const end = Effect.fnUntraced(function*(user: string) {
    const lists = yield* everywhere("CLIENT", "LIST")
    cut += lists.flatMap((list) => String(list).split("\n")).filter((line) => line.includes(`user=${user} `)).length
    yield* everywhere("ACL", "DELUSER", user)
  })
  const credentials: Effect.Effect<Connection.Grant, RealCluster.RealClusterError> = Effect.gen(function*() {
    const user = `token${++made}`
    yield* everywhere("ACL", "SETUSER", user, "on", `>secret${made}`, "allkeys", "allchannels", "allcommands")
    const expiresAt = (yield* Clock.currentTimeMillis) + life
    yield* Effect.forkIn(Effect.andThen(Effect.sleep(life), end(user)), scope)
    return { username: user, password: Redacted.make(`secret${user.slice(5)}`), expiresAt }
  })
  return { credentials, made: () => made, cut: () => cut }
})

layer(RealCluster.layer({ primaries: 3, nodeTimeout: calm }), { excludeTestServices: true })(
  "tokens that end, on real servers",
  (it) => {
    it.effect(
      "no connection is ever cut: commands, sessions, commands that block, subscriptions",
      () =>
        Effect.gen(function*() {
          const service = yield* tokens
          const failures: Array<RedisError> = []
          const keys = ["a", "b", "c", "d", "e", "f"]
          const acknowledged = new Map(keys.map((key) => [key, 0]))
          const events: Array<string> = []
          const count = (key: string) => Effect.sync(() => void acknowledged.set(key, acknowledged.get(key)! + 1))
          const guarded = <R>(self: Effect.Effect<unknown, RedisError, R>) =>
            Effect.catch(self, (error) => Effect.sync(() => void failures.push(error)))

          const writes = (key: string) => Effect.forever(guarded(Effect.andThen(Redis.incr(key), count(key))))
          const inSession = Session.use(
            { keys: "session" },
            Effect.forever(Effect.gen(function*() {
              yield* Redis.watch(["session"])
              yield* Effect.sleep("5 millis")
              yield* Redis.transaction([Redis.incr("session")])
            }))
          )
          // One is answered in time, the other blocks for longer than a token holds.
          const pops = Effect.forever(guarded(Redis.blpop(["empty"], "50 millis")))
          const longPop = guarded(Redis.blpop(["later"], "60 seconds"))
          const listens = PubSub.listen({ channels: ["news"] }).pipe(
            Effect.flatMap((stream) =>
              Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event._tag)))
            ),
            Effect.scoped
          )

          const program = Effect.gen(function*() {
            const fibers = yield* Effect.forEach(
              [...keys.map(writes), guarded(inSession), pops, guarded(listens)],
              (work) => Effect.forkChild(work)
            )
            const popped = yield* Effect.forkChild(Redis.blpop(["later"], "60 seconds"))
            yield* Effect.forkChild(longPop)
            yield* Effect.sleep(stretch)
            yield* Redis.publish("news", "the last")
            yield* Redis.rpush("later", ["x", "y"])
            const element = yield* Fiber.join(popped)
            yield* Effect.sleep("200 millis")
            yield* Fiber.interruptAll(fibers)
            const values = yield* Effect.forEach(keys, (key) => Redis.get(key))
            return { element, values }
          })
          const { element, values } = yield* Effect.provide(
            program,
            NodeRedisCluster.layer({
              nodes: (yield* RealCluster.RealCluster).addresses,
              credentials: service.credentials
            })
          )
          assert.deepStrictEqual(failures.map(({ message }) => message), [])
          assert.deepStrictEqual(events, ["Subscribed", "Message"])
          assert.strictEqual(service.cut(), 0)
          assert.include(["x", "y"], element?.element)
          keys.forEach((key, i) => {
            const sure = acknowledged.get(key)!
            assert.isAbove(sure, 100)
            // The last one may have been interrupted behind its acknowledgement.
            assert.include([sure, sure + 1], Number(values[i]))
          })
          assert.isAtLeast(service.made(), Math.floor(stretch / life))
        })
    )
  }
)

/** The connections of a client: how long one waits for them, and how many there are. */
import { assert } from "@effect/vitest"
import { Command, Nodes, ReadFrom, Redis, RedisCluster, Session } from "@redisc/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { changes, Cluster, homeOf, moveAway, reasonOf, scenario, tagOf, takeUntil, withClient } from "./Cluster.ts"

const stats = Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)

/** The connections of a client with a name, by node, as the nodes count them. */
const listed = Effect.fnUntraced(function*(name: string) {
  const { command, nodes } = yield* Cluster
  const found: Record<string, number> = {}
  for (const node of yield* nodes) {
    const list = String(yield* command(node, "CLIENT", ["LIST"])).split("\n")
    found[node.address.key] = list.filter((line) => line.includes(` name=${name} `)).length
  }
  return found
})

/** The same as the client counts them. */
const counted = Effect.map(
  stats,
  ({ nodes }) => Object.fromEntries(Array.from(nodes, ([key, { dedicated, open }]) => [key, open + dedicated]))
)

export const pool = [
  scenario(
    "who waits too long for a dedicated connection is told so, and nothing is sent (redisc 25)",
    Effect.gen(function*() {
      const keys = "{pool:full}:a"
      // To lease takes connecting at first, for which so short a time may not be enough.
      const lease = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.retry(Session.use({ keys }, effect), { times: 100 })
      const error = yield* lease(Effect.flip(Session.use({ keys }, Redis.ping())))
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.strictEqual(error.delivery, "NotSent")
      assert.include(error.message, "one of the node's 1 dedicated connections (see maxDedicated)")
      assert.strictEqual(yield* lease(Redis.ping()), "PONG")
    }).pipe(withClient({ maxDedicated: 1, leaseTimeout: "20 millis" }))
  ),
  scenario(
    "who waits for a dedicated connection gets the one that is given back (redisc 25)",
    Effect.gen(function*() {
      const keys = "{pool:full}:b"
      const finish = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        Session.use({ keys }, Effect.tap(Redis.clientId(), Deferred.await(finish))),
        { startImmediately: true }
      )
      const others = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 20 }, () => Session.use({ keys }, Redis.clientId())), {
          concurrency: "unbounded"
        }),
        { startImmediately: true }
      )
      yield* Redis.ping()
      assert.isUndefined(others.pollUnsafe())
      yield* Deferred.succeed(finish, undefined)
      const id = yield* Fiber.join(first)
      assert.deepStrictEqual(yield* Fiber.join(others), Array.from({ length: 20 }, () => id))
    }).pipe(withClient({ maxDedicated: 1 }))
  ),
  scenario(
    "a command may take its own time, and one that blocks the time that it blocks (redisc 9)",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const key = "{pool:slow}:a"
      const { owner } = yield* homeOf(key)
      yield* command(owner, "CLIENT", ["PAUSE", 60_000, "WRITE"])
      const patient = yield* Effect.forkChild(Redis.set(key, "1").pipe(Command.timeout("1 minute")), {
        startImmediately: true
      })
      const tag = yield* tagOf(Redis.set(key, "2")).pipe(Effect.ensuring(
        Effect.orDie(command(owner, "CLIENT", ["UNPAUSE"]))
      ))
      assert.strictEqual(tag, "Timeout")
      assert.strictEqual(yield* Fiber.join(patient), "OK")
      const blocked = Redis.blpop(["{pool:slow}:none"], "1200 millis")
      const inSession = Session.use({ keys: key }, blocked)
      assert.deepStrictEqual(yield* Effect.all([blocked, inSession], { concurrency: 2 }), [null, null])
    }).pipe(withClient({ commandTimeout: "1 second" }))
  ),
  scenario(
    "a hundred commands that find their slot gone make one refresh (redisc 16)",
    Effect.gen(function*() {
      const key = "{pool:storm}:a"
      const swaps = yield* changes
      const { neighbour } = yield* moveAway(key)
      const numbers = yield* Effect.all(Array.from({ length: 100 }, () => Redis.incr(key)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(numbers.sort((a, b) => a - b), Array.from({ length: 100 }, (_, n) => n + 1))
      yield* takeUntil(swaps, ({ moved }) => moved.some(({ start }) => start === neighbour))
      const { redirects, refreshes } = yield* stats
      assert.deepStrictEqual({ redirects, refreshes }, { redirects: 100, refreshes: 2 })
    }).pipe(withClient())
  ),
  scenario(
    "the client counts as many connections as the nodes do, leased, given back and lost (redisc 16)",
    Effect.gen(function*() {
      const name = "pool:counted"
      const { command, primaries } = yield* Cluster
      const [first, second] = yield* primaries
      yield* Nodes.execute("all", Redis.ping())
      yield* Redis.get("{pool:counted}:a").pipe(ReadFrom.provide("replica"))
      const shared = yield* listed(name)
      assert.deepStrictEqual(yield* counted, shared)
      assert.deepStrictEqual(Object.values(shared).sort(), [1, 1, 1, 1, 1, 2])

      const scope = yield* Scope.make()
      for (const node of [first, first, second]) {
        yield* Scope.provide(Session.make({ node: node.address }), scope)
      }
      const leasedAt = ({ address }: { readonly address: { readonly key: string } }) =>
        Effect.map(stats, ({ nodes }) => nodes.get(address.key)?.leased)
      assert.deepStrictEqual(yield* Effect.all([leasedAt(first), leasedAt(second)]), [2, 1])
      assert.deepStrictEqual(yield* counted, yield* listed(name))

      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Effect.all([leasedAt(first), leasedAt(second)]), [0, 0])
      const after = yield* listed(name)
      assert.deepStrictEqual(yield* counted, after)
      assert.strictEqual(after[first.address.key], shared[first.address.key] + 2)

      const kill = Effect.flatMap(
        Redis.clientId(),
        (id) => Effect.andThen(command(first, "CLIENT", ["KILL", "ID", id]), reasonOf(Redis.ping()))
      )
      assert.strictEqual((yield* Session.use({ node: first.address }, kill))._tag, "ConnectionLost")
      assert.deepStrictEqual(yield* counted, yield* listed(name))
    }).pipe(withClient({ clientName: "pool:counted" }))
  )
]

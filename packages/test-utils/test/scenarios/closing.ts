/** What the end of a client means for what is under way, and for what comes later. */
import { assert } from "@effect/vitest"
import { Nodes, Redis, RedisCluster, Session } from "@redisc/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Cluster, homeOf, scenario } from "./Cluster.ts"
import type { Client } from "./Cluster.ts"

const key = "{closing}:a"

/** A client that ends when its scope does, which is not the scenario's. */
const open = Effect.gen(function*() {
  const { client } = yield* Cluster
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(client(), scope)
  return { context, cluster: Context.get(context, RedisCluster.RedisCluster), close: Scope.close(scope, Exit.void) }
})

/** Every way to ask something of a client, with what it fails with. */
const waysToAsk = Effect.gen(function*() {
  const { owner } = yield* homeOf(key)
  const { refresh } = yield* RedisCluster.RedisCluster
  const ways: Readonly<Record<string, Effect.Effect<Redis.RedisError, unknown, Client>>> = {
    command: Effect.flip(Redis.get(key)),
    "command without keys": Effect.flip(Redis.ping()),
    "command about all nodes": Effect.flip(Redis.dbsize()),
    "blocking command": Effect.flip(Redis.blpop([key], "1 second")),
    pipeline: Effect.flip(Redis.pipeline([Redis.get(key), Redis.ping()])),
    transaction: Effect.flip(Redis.transaction([Redis.incr(key)])),
    "optimistic transaction": Effect.flip(Redis.optimistic([key], Effect.succeed([Redis.incr(key)]))),
    "confirmed write": Effect.flip(
      Redis.set(key, "1").pipe(Redis.ensureReplication({ replicas: 1, within: "1 second" }))
    ),
    "bound session": Effect.flip(Session.use({ keys: key }, Redis.ping())),
    "session on a replica": Effect.flip(Session.use({ readFrom: "replica" }, Redis.ping())),
    "session on a node": Effect.flip(Session.use({ node: owner.address }, Redis.ping(), { rerun: true })),
    visit: Effect.flip(Effect.flatMap(Stream.runCollect(Nodes.visit("primaries", Redis.ping())), firstOf)),
    "command for one node": Effect.flip(Nodes.executeOn(owner.address, Redis.ping())),
    "command for each node": Effect.flip(Effect.flatMap(Nodes.execute("all", Redis.ping()), firstOf)),
    refresh: Effect.flip(refresh)
  }
  return ways
})

const firstOf = <A, E>([{ result }]: ReadonlyArray<Nodes.NodeResult<A, E>>): Effect.Effect<A, E> =>
  Effect.fromResult(result)

const rounds = 20

/** Runs work in so many fibers, each as often as it goes well, ends the client meanwhile, and answers the results. */
const endDuring = Effect.fnUntraced(function*<A>(
  fibers: number,
  work: (fiber: number) => Effect.Effect<A, Redis.RedisError, Client>
) {
  const { close, context } = yield* open
  const results: Array<A> = []
  let enough: () => void = () => {}
  const busy = (fiber: number) =>
    Effect.forever(Effect.tap(Effect.provideContext(work(fiber), context), (result) =>
      Effect.sync(() => {
        if (results.push(result) >= fibers) enough()
      })))
  const running = yield* Effect.forEach(
    Array.from({ length: fibers }, (_, fiber) => fiber),
    (fiber) => Effect.forkChild(Effect.flip(busy(fiber)), { startImmediately: true })
  )
  yield* Effect.callback<void>((resume) => {
    enough = () => resume(Effect.void)
  })
  yield* close
  const errors = yield* Fiber.joinAll(running)
  return { results, errors }
})

export const closing = [
  scenario(
    "increments that are under way when a client ends are answered: nobody has to wonder about one",
    Effect.gen(function*() {
      const { client } = yield* Cluster
      let acknowledged = 0
      for (let round = 0; round < rounds; round++) {
        const { errors, results } = yield* endDuring(50, (fiber) => Redis.incr(`closing:${fiber}`))
        acknowledged += results.length
        const told = new Set(errors.map(({ delivery, reason }) => `${reason._tag}, ${delivery}`))
        assert.deepStrictEqual([...told], ["Closed, NotSent"])
      }
      const keys = Array.from({ length: 50 }, (_, fiber) => `closing:${fiber}`)
      const counts = yield* Effect.provide(Redis.pipeline(keys.map((each) => Redis.get(each))), client())
      assert.strictEqual(counts.reduce((sum, count) => sum + Number(count), 0), acknowledged)
    })
  ),
  scenario(
    "an element that comes when a client ends is with who waited for it, or still there",
    Effect.gen(function*() {
      const { client } = yield* Cluster
      const other = yield* Layer.build(client())
      let pushed = 0
      let popped = 0
      const push = Effect.andThen(
        Redis.rpush(key, ["element"]),
        Effect.sync(() => {
          pushed++
        })
      )
      yield* Effect.provideContext(Redis.del([key]), other)
      for (let round = 0; round < rounds; round++) {
        const pusher = yield* Effect.forkChild(Effect.forever(Effect.provideContext(push, other)))
        const { errors, results } = yield* endDuring(5, () => Redis.blpop([key], "Infinity"))
        yield* Fiber.interrupt(pusher)
        popped += results.length
        for (const { delivery, reason } of errors) {
          assert.strictEqual(reason._tag, "Closed")
          assert.include(["NotSent", "Rejected"], delivery)
        }
      }
      // The push that was interrupted may have been executed.
      const left = yield* Effect.provideContext(Redis.llen(key), other)
      assert.isAtLeast(left + popped, pushed)
      assert.isAtMost(left + popped, pushed + rounds)
    })
  ),
  scenario(
    "whatever is asked of a client after its end fails with Closed, and is not sent (redisc 4)",
    Effect.gen(function*() {
      const { cluster, close, context } = yield* open
      const ways = yield* Effect.provideContext(waysToAsk, context)
      yield* Effect.provideContext(Redis.set(key, "1"), context)
      yield* close
      yield* close
      const told: Record<string, string> = {}
      for (const [way, error] of Object.entries(ways)) {
        const { delivery, reason } = yield* Effect.provideContext(error, context)
        told[way] = `${reason._tag}, ${delivery}`
      }
      assert.deepStrictEqual(told, Object.fromEntries(Object.keys(ways).map((way) => [way, "Closed, NotSent"])))
      const { nodes, refreshes } = yield* cluster.stats
      assert.deepStrictEqual({ nodes: nodes.size, refreshes }, { nodes: 0, refreshes: 1 })
    })
  ),
  scenario(
    "what is under way when a client ends fails with Closed, and a session with it (redisc 4, 30)",
    Effect.gen(function*() {
      const { close, context } = yield* open
      const session = yield* Effect.provideContext(Session.make({ keys: key }), context)
      yield* session.execute(Redis.del([key]))
      const blocked = yield* Effect.forkChild(
        Effect.flip(Effect.provideContext(Redis.blpop([key], "Infinity"), context)),
        { startImmediately: true }
      )
      yield* Effect.provideContext(Redis.ping(), context)
      yield* close
      const letGo = yield* Fiber.join(blocked)
      assert.strictEqual(letGo.reason._tag, "Closed")
      assert.notStrictEqual(letGo.delivery, "MaybeExecuted")
      const { delivery, reason } = yield* Effect.flip(session.execute(Redis.get(key)))
      assert.deepStrictEqual([reason._tag, delivery], ["Closed", "NotSent"])
    })
  ),
  scenario(
    "what listens to a client is done when the client ends (redisc 5, 21)",
    Effect.gen(function*() {
      const { close, cluster } = yield* open
      const listeners = yield* Effect.forEach(
        [cluster.failures, cluster.topology.changes],
        (stream) => Effect.forkChild(Stream.runCollect<unknown, never, never>(stream), { startImmediately: true })
      )
      yield* close
      assert.deepStrictEqual(yield* Fiber.joinAll(listeners), [[], []])
    })
  ),
  scenario(
    "a refresh that the end of the client cuts short is no failure, and is told nobody (redisc 5)",
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => {
        logged.push(message)
      })
      const { nodes, pause, resume } = yield* Cluster
      const all = yield* nodes
      const failures = yield* Effect.gen(function*() {
        const { close, cluster } = yield* open
        const failures = yield* Effect.forkChild(Stream.runCollect(cluster.failures), { startImmediately: true })
        yield* Effect.forEach(all, pause)
        cluster.topology.requestRefresh()
        yield* Effect.replicateEffect(Effect.yieldNow, 20)
        yield* close
        return yield* Fiber.join(failures)
      }).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.ensuring(Effect.ignore(Effect.forEach(all, resume)))
      )
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(logged, [])
    })
  )
]

import { assert, describe, layer } from "@effect/vitest"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Appends from "./appends.ts"
import { watchful } from "./patience.ts"

/** Numbers a second, for all three shards. */
const rate = 3000

const owns = (node: RealCluster.NodeState) => (slot: number) =>
  node.slots.some(([first, last]) => slot >= first && slot <= last)

/** Appends while a primary is lost and its replica promoted, and judges what was told. */
const whileLosing = Effect.fnUntraced(function*(
  prefix: string,
  lose: (victim: RealCluster.NodeState) => Effect.Effect<void, RealCluster.RealClusterError>,
  afterwards: (
    victim: RealCluster.NodeState
  ) => Effect.Effect<void, RealCluster.RealClusterError, RealCluster.RealCluster>
) {
  const servers = yield* RealCluster.RealCluster
  const clock = yield* Clock.Clock
  const [victim] = yield* servers.primaries
  const isLost = owns(victim)
  const ledger = Appends.makeLedger(prefix, 60)
  const load = yield* Effect.forkChild(Appends.run(ledger, rate))
  yield* Appends.awaitMore(ledger, rate / 2)
  const confirmed = yield* Appends.confirm(ledger, isLost)
  yield* lose(victim)
  ledger.disturbances++
  const lostAt = clock.currentTimeMillisUnsafe()
  yield* servers.awaitPromotion(victim)
  const promotedAt = clock.currentTimeMillisUnsafe()
  const waiting = Appends.pending(ledger)
  yield* Appends.awaitMore(ledger, rate / 3, isLost)
  const backAt = clock.currentTimeMillisUnsafe()
  yield* afterwards(victim)
  ledger.stopped = true
  yield* Fiber.join(load)
  for (const { error, slot } of Appends.errors(ledger)) {
    assert.strictEqual(error.delivery, "MaybeExecuted", error.message)
    assert.isTrue(isLost(slot), `not of the lost primary: ${error.message}`)
  }
  const missing = yield* Appends.verify(ledger, isLost)
  yield* Effect.log(
    `promoted ${promotedAt - lostAt} ms after the loss, when ${waiting} were under way; ${rate / 3} acknowledged ` +
      `${backAt - promotedAt} ms later; ${Appends.errors(ledger).length} errors; ` +
      `${confirmed} confirmed by the replica, ${missing} lost unconfirmed`
  )
})

/** What it was sent while it was frozen has been executed by then, and is forgotten. */
const becomesReplica = Effect.fnUntraced(function*(node: RealCluster.Node) {
  const { command } = yield* RealCluster.RealCluster
  yield* Effect.repeat(command(node, "ROLE", []), { until: (role) => Array.isArray(role) && role[0] === "slave" })
})

/** The frozen node is given up before its replica is promoted, and long before it thaws. */
const pingInterval = "600 millis"

const connected = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    RealCluster.RealCluster,
    ({ addresses }) => Effect.provide(test, NodeRedisCluster.layer({ nodes: addresses, pingInterval }))
  )

// With full coverage required the servers themselves refuse all commands while one shard is down.
const servers = RealCluster.layer({ primaries: 3, replicas: 1, requireFullCoverage: false, nodeTimeout: watchful })

layer(servers, { excludeTestServices: true })((it) => {
  describe("appends at a fixed rate, on real servers", () => {
    it.effect("keep their order, and none is lost or doubled, when a primary is killed", () =>
      Effect.gen(function*() {
        const { kill } = yield* RealCluster.RealCluster
        yield* whileLosing("killed", kill, () => Effect.void)
      }).pipe(connected))

    it.effect(
      "keep their order, and none is lost or doubled, when a primary freezes, and when it thaws",
      () =>
        Effect.gen(function*() {
          const { pause, resume } = yield* RealCluster.RealCluster
          yield* whileLosing("frozen", pause, (victim) =>
            Effect.gen(function*() {
              yield* resume(victim)
              yield* becomesReplica(victim)
            }))
        }).pipe(connected)
    )
  })
})

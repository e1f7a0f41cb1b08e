import { assert, describe, it } from "@effect/vitest"
import { RedisCluster } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Increments from "./increments.ts"
import { calm, watchful } from "./patience.ts"
import { isLong } from "./stretch.ts"

const fibers = 32
const keys = 300

/** How many increments go before and after what happens. */
const stretch = isLong ? 50_000 : 20_000

/** Runs the increments while something happens to the servers. */
const whileIncrementing = Effect.fnUntraced(function*<A, E, R>(
  prefix: string,
  happening: (ledger: Increments.Ledger) => Effect.Effect<A, E, R>
) {
  const ledger = Increments.makeLedger(prefix, keys)
  const load = yield* Effect.forkChild(Increments.run(ledger, fibers))
  yield* Increments.awaitMore(ledger, stretch)
  const result = yield* happening(ledger)
  yield* Increments.awaitMore(ledger, stretch)
  ledger.stopped = true
  yield* Fiber.join(load)
  return { ledger, result }
})

const onCluster = <A, E, R>(test: Effect.Effect<A, E, R>, nodeTimeout: typeof calm | typeof watchful = watchful) =>
  Effect.gen(function*() {
    const { addresses } = yield* RealCluster.RealCluster
    return yield* Effect.provide(test, NodeRedisCluster.layer({ nodes: addresses }))
    // With full coverage required the servers themselves refuse all commands while one shard is down.
  }).pipe(Effect.provide(RealCluster.layer({ primaries: 3, replicas: 1, requireFullCoverage: false, nodeTimeout })))

const owns = (node: RealCluster.NodeState) => (slot: number) =>
  node.slots.some(([first, last]) => slot >= first && slot <= last)

describe("under load, on real servers", () => {
  it.live("callers do not notice a live reshard of 3,000 slots", () =>
    onCluster(
      Effect.gen(function*() {
        const servers = yield* RealCluster.RealCluster
        const [first, second] = yield* servers.primaries
        const [from] = first.slots[0]
        const { ledger } = yield* whileIncrementing(
          "reshard",
          () => servers.migrateSlots({ from: first, to: second, slots: [[from, from + 2999]] })
        )
        assert.deepStrictEqual(Increments.errors(ledger).map(({ outcome }) => outcome.message), [])
        yield* Increments.verify(ledger)
        const { redirects } = yield* Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)
        assert.isAbove(redirects, 0)
        yield* Effect.log(
          `${ledger.told.length} increments, ${redirects} redirects, longest pause ${
            Increments.longestPause(ledger, () => true)
          } ms`
        )
      }),
      calm
    ))

  it.live("callers do not notice two rounds of manual failover", () =>
    onCluster(Effect.gen(function*() {
      const servers = yield* RealCluster.RealCluster
      const round = Effect.gen(function*() {
        for (const primary of yield* servers.primaries) {
          const [replica] = yield* servers.replicasOf(primary)
          yield* servers.failover(replica)
        }
      })
      const { ledger } = yield* whileIncrementing("failover", () => Effect.andThen(round, round))
      assert.deepStrictEqual(Increments.errors(ledger).map(({ outcome }) => outcome.message), [])
      yield* Increments.verify(ledger)
      yield* Effect.log(
        `${ledger.told.length} increments, longest pause ${Increments.longestPause(ledger, () => true)} ms`
      )
    })))

  it.live(
    "when a primary is killed only what was on its wire may fail, and it says so",
    () =>
      onCluster(Effect.gen(function*() {
        const servers = yield* RealCluster.RealCluster
        const clock = yield* Clock.Clock
        const [victim] = yield* servers.primaries
        const lost = owns(victim)
        const { ledger, result } = yield* whileIncrementing(
          "kill",
          (ledger) =>
            Effect.gen(function*() {
              yield* servers.kill(victim)
              const killedAt = clock.currentTimeMillisUnsafe()
              yield* servers.awaitPromotion(victim)
              const promotedAt = clock.currentTimeMillisUnsafe()
              yield* servers.waitUntilStable
              yield* Increments.awaitMore(ledger, 1000, lost)
              return { killedAt, promotedAt }
            })
        )
        const errors = Increments.errors(ledger)
        assert.isAtMost(errors.length, fibers)
        for (const { outcome, slot } of errors) {
          assert.strictEqual(outcome.delivery, "MaybeExecuted", outcome.message)
          assert.isTrue(lost(slot), `slot ${slot} is not the killed primary's: ${outcome.message}`)
        }
        const back = Increments.firstAfter(ledger, result.promotedAt, lost)
        assert.isDefined(back)
        yield* Effect.log(
          `${errors.length} errors; promoted ${result.promotedAt - result.killedAt} ms after the kill, served ${
            back! - result.promotedAt
          } ms after that; longest pause elsewhere ${Increments.longestPause(ledger, (slot) => !lost(slot))} ms`
        )
      }))
  )

  it.live(
    "a primary that freezes holds up nobody else, and its slots come back",
    () =>
      onCluster(Effect.gen(function*() {
        const servers = yield* RealCluster.RealCluster
        const [victim] = yield* servers.primaries
        const lost = owns(victim)
        const { ledger } = yield* whileIncrementing(
          "freeze",
          (ledger) =>
            Effect.gen(function*() {
              yield* servers.pause(victim)
              yield* servers.awaitPromotion(victim)
              yield* Increments.awaitMore(ledger, stretch, lost)
            })
        )
        for (const { outcome, slot } of Increments.errors(ledger)) {
          assert.strictEqual(outcome.delivery, "MaybeExecuted", outcome.message)
          assert.isTrue(lost(slot), outcome.message)
        }
        yield* Effect.log(
          `${Increments.errors(ledger).length} errors; longest pause ${Increments.longestPause(ledger, lost)} ms, ` +
            `elsewhere ${Increments.longestPause(ledger, (slot) => !lost(slot))} ms`
        )
      }))
  )
})

import { assert, describe, it } from "@effect/vitest"
import { PubSub } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Broadcasts from "./broadcasts.ts"
import { calm, watchful } from "./patience.ts"

const now = Effect.map(Clock.Clock, (clock) => clock.currentTimeMillisUnsafe())

const client = Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))

/** The node that the classic channels are heard at. */
const home = Effect.gen(function*() {
  const servers = yield* RealCluster.RealCluster
  for (const node of yield* servers.nodes) {
    if (node.process !== "running") continue
    const channels = yield* servers.command(node, "PUBSUB", ["CHANNELS", "classic:*"])
    if (Array.isArray(channels) && channels.length > 0) return node
  }
  return yield* Effect.die("nobody hears the classic channels")
})

describe("subscribers, on real servers", () => {
  it.live(
    "are told of every loss while slots move and primaries are killed, and hear everything again",
    () =>
      Effect.gen(function*() {
        const servers = yield* RealCluster.RealCluster
        const ledger = Broadcasts.makeLedger(50)
        const sharded = Broadcasts.some(ledger, (channel) => channel.sharded)
        yield* Broadcasts.listen(ledger)
        const publishing = yield* Effect.forkChild(Broadcasts.run(ledger).pipe(Effect.provide(yield* client)))
        const live = Broadcasts.awaitLive([...ledger.channels.values()])
        yield* live

        const [first, second, third] = yield* servers.primaries
        const slots = sharded.slice(0, 25).map(({ slot }) => slot)
        for (const to of [first, second, third]) yield* servers.migrateSlots({ to, slots })
        yield* live

        const kill = Effect.fnUntraced(function*(node: RealCluster.Node) {
          yield* servers.kill(node)
          yield* servers.awaitPromotion(node)
          const promotedAt = yield* now
          const heardAt = yield* live
          yield* Effect.log(`all is heard again ${Math.max(...heardAt) - promotedAt} ms after the promotion`)
          yield* servers.restart(node)
          yield* servers.waitUntilStable
        })
        yield* kill(second)
        const at = yield* home
        yield* at.role === "primary" ? kill(at) : Effect.void
        for (const primary of yield* servers.primaries) {
          const [replica] = yield* servers.replicasOf(primary)
          yield* servers.failover(replica)
        }
        yield* live

        ledger.stopped = true
        yield* Fiber.join(publishing)
        const names = (sharded: boolean) =>
          Broadcasts.some(ledger, (channel) => channel.sharded === sharded).map(({ name }) => name)
        // A server may take a moment to end what it was told to end.
        const counts = Effect.map(
          Effect.all([PubSub.numsub(names(false)), PubSub.shardNumsub(names(true))]),
          (counts) => new Set(counts.flatMap((byName) => Object.values(byName)))
        )
        const settled = yield* Effect.repeat(counts, {
          until: (counts) => counts.size === 1,
          schedule: Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(1500)])
        })
        assert.deepStrictEqual(settled, new Set([1]), "a channel is subscribed to once")
        const { doubled, gaps, missing, published } = Broadcasts.verify(ledger)
        yield* Effect.log(`${published} messages, ${missing} missing, ${doubled} twice, ${gaps} gaps told`)
      }).pipe(
        Effect.scoped,
        (test) => Effect.flatMap(client, (layer) => Effect.provide(test, layer)),
        Effect.provide(
          RealCluster.layer({ primaries: 3, replicas: 1, requireFullCoverage: false, nodeTimeout: watchful })
        )
      )
  )

  it.live("share subscriptions, and leave none behind", () =>
    Effect.gen(function*() {
      const channels = Array.from({ length: 100 }, (_, n) => `shared:${n}`)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Effect.forEach(Array.from({ length: 1000 }, (_, n) => channels[n % 100]), (channel) =>
          Effect.flatMap(PubSub.listen({ channels: [channel] }), (events) =>
            Effect.forkScoped(Stream.runDrain(events))), { concurrency: "unbounded", discard: true })
        const counts = yield* PubSub.numsub(channels)
        assert.deepStrictEqual(new Set(Object.values(counts)), new Set([1]))
      }))
      const nobody = Effect.map(PubSub.channels(), (channels) =>
        channels.length === 0)
      yield* Effect.repeat(nobody, {
        until: (done) =>
          done,
        schedule: Schedule.spaced("5 millis")
      })
    }).pipe(
      (test) =>
        Effect.flatMap(client, (layer) => Effect.provide(test, layer)),
      Effect.provide(RealCluster.layer({ primaries: 3, nodeTimeout: calm }))
    ))
})

/** A client of real Sentinel groups: what becomes of its commands when servers and sentinels fail. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Address, NodePool, Redis, RedisCluster, RedisError, Topology } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as RealSentinel from "../../src/RealSentinel.ts"
import { isLong } from "../chaos/stretch.ts"

type Group = RealSentinel.RealSentinel["Service"]

const sourceOf = (group: Group, options?: Partial<Topology.SentinelOptions>) =>
  Topology.sentinel({ name: group.name, sentinels: group.addresses, ...options })

const clientOf = (group: Group, options?: RedisCluster.SourceOptions, source?: Partial<Topology.SentinelOptions>) =>
  Layer.provide(RedisCluster.layerFromSource(sourceOf(group, source), options), NodeConnector.layer())

const untilTrue = <E, R>(check: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(check, { until: (done) => done, schedule: Schedule.spaced("10 millis") })

const primaryKey = Effect.flatMap(
  Topology.Topology,
  ({ current }) => Effect.map(current, (map) => map.shards[0].primary?.address.key)
)
const replicaKeys = Effect.flatMap(
  Topology.Topology,
  ({ current }) => Effect.map(current, (map) => map.shards[0].replicas.map(({ address }) => address.key).toSorted())
)

const untilPrimary = ({ address }: RealSentinel.ServerNode) =>
  untilTrue(Effect.map(primaryKey, (key) => key === address.key))

/** Writes numbers one after the other until it is stopped, and notes how each ended. */
const writes = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const failures: Array<string> = []
  const acknowledged: Array<string> = []
  const goodAt: Array<number> = []
  let next = 0
  const one = Effect.suspend(() => {
    const value = `${next++}`
    return Effect.match(Redis.rpush("log", [value]), {
      onFailure: ({ delivery, reason }) => void failures.push(`${reason._tag} ${delivery}`),
      onSuccess: () => {
        goodAt.push(now())
        acknowledged.push(value)
      }
    })
  })
  const fiber = yield* Effect.forkChild(Effect.forever(Effect.andThen(one, Effect.sleep("5 millis"))))
  /** Waits for a write that began after this. */
  const again = Effect.suspend(() => {
    const since = next
    return untilTrue(Effect.sync(() => acknowledged.some((value) => Number(value) >= since)))
  })
  yield* again
  return {
    failures,
    acknowledged,
    again,
    stop: Fiber.interrupt(fiber),
    /** The longest time without a success, in milliseconds. */
    outage: () => Math.max(...goodAt.slice(1).map((at, index) => at - goodAt[index]))
  }
})

const within = { timeout: 60_000 }

/** A write that was in flight when its server died or hung may have been executed, and is not sent again. No other one fails. */
const mayFail = ["ConnectionLost MaybeExecuted"]

layer(RealSentinel.layer({ replicas: 2 }), { excludeTestServices: true, timeout: "20 seconds" })(
  "a client of a Sentinel group",
  (it) => {
    it.effect(
      "runs commands on keys of any slots at the primary that the sentinels name, and reads at replicas",
      () =>
        Effect.gen(function*() {
          const group = yield* RealSentinel.RealSentinel
          const primary = yield* group.primary
          yield* Effect.gen(function*() {
            assert.strictEqual(yield* primaryKey, primary.address.key)
            assert.strictEqual((yield* replicaKeys).length, 2)
            yield* Redis.mset({ a: "1", b: "2", c: "3" })
            yield* group.command(primary, "WAIT", [2, 5000])
            assert.deepStrictEqual(yield* Redis.mget(["a", "b", "c"]), ["1", "2", "3"])
            const { readers } = yield* NodePool.NodePool
            assert.notInclude(Array.from(readers().keys()), primary.address.key)
          }).pipe(Effect.provide(clientOf(group, { readFrom: "replica" })))
        }),
      within
    )

    it.effect("follows a planned failover without a failure", () =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.RealSentinel
        yield* Effect.gen(function*() {
          const log = yield* writes
          const heir = yield* group.failover
          // The old primary may take writes for a moment after sentinels have begun to name the new one.
          yield* untilPrimary(heir)
          yield* log.again
          yield* log.stop
          assert.deepStrictEqual(log.failures, [])
          assert.isBelow(log.outage(), 2000)
        }).pipe(Effect.provide(clientOf(group)))
      }), within)

    const disturbed = (disturb: (group: Group, primary: RealSentinel.ServerNode) => Effect.Effect<void, unknown>) =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.RealSentinel
        yield* group.waitUntilStable
        const primary = yield* group.primary
        yield* Effect.gen(function*() {
          const log = yield* writes
          yield* disturb(group, primary)
          const heir = yield* group.awaitSwitch(primary)
          const switchedAt = Date.now()
          yield* untilPrimary(heir)
          yield* log.again
          assert.isBelow(Date.now() - switchedAt, 1000)
          yield* log.stop
          assert.includeMembers(mayFail, log.failures)
          assert.isAtMost(log.failures.length, 1)
        }).pipe(Effect.provide(clientOf(group)))
        yield* group.resume(primary)
        yield* group.restart(primary)
      })

    it.effect(
      "goes on at the successor of a primary that is killed, within a second of the sentinels' own switch",
      () => disturbed((group, primary) => group.kill(primary)),
      within
    )

    it.effect(
      "and of one that hangs: what is in flight there is not waited for",
      () => disturbed((group, primary) => group.pause(primary)),
      within
    )

    it.effect(
      "goes on while no sentinel answers, tells of it, and follows again once one is back",
      () =>
        Effect.gen(function*() {
          const group = yield* RealSentinel.RealSentinel
          yield* group.waitUntilStable
          const [first, second, third] = group.sentinels
          yield* Effect.gen(function*() {
            const { refresh } = yield* Topology.Topology
            const key = yield* primaryKey
            yield* group.pause(first)
            yield* Effect.forEach([second, third], group.kill)
            // One may have been under way since before they were gone.
            yield* Effect.ignore(refresh)
            const error = yield* Effect.flip(Effect.asVoid(refresh))
            assert.include(error.message, "no sentinel answered")
            assert.strictEqual(yield* Redis.set("a", "1"), "OK")
            assert.strictEqual(yield* primaryKey, key)
            yield* group.resume(first)
            yield* untilTrue(Effect.map(Effect.result(refresh), Result.isSuccess))
            yield* group.restart(second)
            yield* group.restart(third)
            yield* group.waitUntilStable
            const heir = yield* group.failover
            yield* untilPrimary(heir)
            assert.strictEqual(yield* Redis.set("a", "2"), "OK")
          }).pipe(Effect.provide(clientOf(group)))
        }),
      within
    )

    it.effect.runIf(isLong)(
      "has the replicas in its map that are fit, as they go and come",
      () =>
        Effect.gen(function*() {
          const group = yield* RealSentinel.RealSentinel
          yield* group.waitUntilStable
          const [one, other] = yield* group.replicas
          yield* Effect.gen(function*() {
            const keys = [one.address.key, other.address.key].toSorted()
            assert.deepStrictEqual(yield* replicaKeys, keys)
            yield* group.kill(one)
            yield* untilTrue(Effect.map(replicaKeys, ({ length }) => length === 1))
            yield* group.restart(one)
            yield* untilTrue(Effect.map(replicaKeys, ({ length }) => length === 2))
          }).pipe(Effect.provide(clientOf(group)))
        }),
      within
    )
  }
)

describe("a client of a Sentinel group", () => {
  const problemOf = (source: Topology.Source) =>
    Effect.gen(function*() {
      const client = Layer.provide(RedisCluster.layerFromSource(source), NodeConnector.layer())
      const { message, reason } = yield* Effect.flip(Effect.scoped(Layer.build(client)))
      return { message, wanted: reason._tag === "DiscoveryFailed" ? reason.wanted : reason._tag }
    })

  it.live(
    "says what is missing: a sentinel, the name, or the primary, and begins once that is there",
    () =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.make({ replicas: 0, sentinels: 1 })
        const [primary] = yield* group.nodes

        const misspelt = yield* problemOf(sourceOf(group, { name: "yourmaster" }))
        assert.strictEqual(misspelt.wanted, "name")
        assert.include(misspelt.message, `it does not know the name "yourmaster", but "mymaster"`)

        const wrongPort = yield* problemOf(sourceOf(group, { sentinels: [primary.address] }))
        assert.strictEqual(wrongPort.wanted, "sentinel")
        assert.include(wrongPort.message, "it is no Sentinel")

        yield* group.kill(primary)
        const away = yield* problemOf(sourceOf(group))
        assert.strictEqual(away.wanted, "primary")
        assert.include(away.message, primary.address.key)

        yield* group.restart(primary)
        assert.strictEqual(yield* Effect.provide(Redis.set("a", "1"), clientOf(group)), "OK")
        yield* group.kill(group.sentinels[0])
        assert.strictEqual((yield* problemOf(sourceOf(group))).wanted, "sentinel")
      }),
    within
  )

  it.live.runIf(isLong)(
    "logs in at sentinels as another user, with TLS, and goes where host names lead",
    () =>
      Effect.gen(function*() {
        const password = Redacted.make("of the servers")
        const sentinelPassword = Redacted.make("of the sentinels")
        const group = yield* RealSentinel.make({ sentinels: 2, tls: true, hostnames: true, password, sentinelPassword })
        const withTls = (source: Topology.Source) =>
          Layer.provide(
            RedisCluster.layerFromSource(source, { credentials: { password } }),
            NodeConnector.layer({ tls: group.tls })
          )
        const credentials = { password: sentinelPassword }
        yield* Effect.gen(function*() {
          assert.match(`${yield* primaryKey}`, /^localhost:/)
          const { port } = (yield* group.failover).address
          yield* Redis.set("a", "1")
          yield* untilTrue(Effect.map(primaryKey, (key) => key === `localhost:${port}`))
        }).pipe(Effect.provide(withTls(sourceOf(group, { credentials }))))
        const unknown = yield* Effect.flip(Effect.scoped(Layer.build(withTls(sourceOf(group)))))
        assert.include(unknown.message, "NOAUTH")
        assert.isTrue(RedisError.isRedisError(unknown))
      }),
    within
  )
})

describe("the sentinels of a group", () => {
  it.live.runIf(isLong)(
    "are connected to in their own way, and their addresses are mapped as those of the servers are",
    () =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.make({ sentinels: 2 })
        const plain = yield* NodeConnector.make()
        const seen: Array<string> = []
        const connector: typeof plain = {
          ...plain,
          open: (address, listener) => {
            seen.push(address.key)
            return plain.open(address, listener)
          }
        }
        const addressMap = (announced: Address.Address) =>
          announced._tag === "Tcp" ? Address.tcp("localhost", announced.port) : announced
        const [given, told] = group.addresses
        yield* Effect.gen(function*() {
          const { refresh } = yield* Topology.Topology
          yield* refresh
          assert.match(`${yield* primaryKey}`, /^localhost:/)
          assert.match(`${yield* replicaKeys}`, /^localhost:/)
          yield* untilTrue(Effect.sync(() => seen.includes(`localhost:${told.port}`)))
          assert.deepStrictEqual(new Set(seen), new Set([given.key, `localhost:${told.port}`]))
        }).pipe(Effect.provide(clientOf(group, {}, { sentinels: [given], connector, addressMap })))
      }),
    within
  )
})

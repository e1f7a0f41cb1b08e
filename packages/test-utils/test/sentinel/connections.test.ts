/** How a client connects to real sentinels and servers: with TLS, users, host names, and addresses that are mapped. */
import { assert, describe, it } from "@effect/vitest"
import { Address, Redis, RedisCluster, RedisError, Topology } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RealSentinel from "../../src/RealSentinel.ts"
import { primaryKey, replicaKeys, untilTrue } from "./Group.ts"

type Group = RealSentinel.RealSentinel["Service"]

// Sentinels that starve on a busy machine take longer to answer than the second that they have.
const sourceOf = (group: Group, options?: Partial<Topology.SentinelOptions>) =>
  Topology.sentinel({ name: group.name, sentinels: group.addresses, timeout: "10 seconds", ...options })

const clientOf = (group: Group, options?: RedisCluster.SourceOptions, source?: Partial<Topology.SentinelOptions>) =>
  Layer.provide(RedisCluster.layerFromSource(sourceOf(group, source), options), NodeConnector.layer())

describe("a client of a Sentinel group", () => {
  it.live(
    "logs in at sentinels as another user, with TLS, and goes where host names lead",
    () =>
      Effect.gen(function*() {
        const password = Redacted.make("of the servers")
        const sentinelPassword = Redacted.make("of the sentinels")
        const group = yield* RealSentinel.make({
          sentinels: 2,
          downAfter: "5 seconds",
          tls: true,
          hostnames: true,
          password,
          sentinelPassword
        })
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
      })
  )
})

describe("the sentinels of a group", () => {
  it.live(
    "are connected to in their own way, and their addresses are mapped as those of the servers are",
    () =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.make({ sentinels: 2, downAfter: "5 seconds" })
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
      })
  )
})

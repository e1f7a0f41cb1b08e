/** A Sentinel group as the scenarios use it, real or in memory, and what they share. */
import { Connector, Redis, RedisCluster, Topology } from "@redisc/core"
import type { Address, Resp } from "@redisc/core"
import type { FakeSentinel, RealSentinel } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** What both kinds of groups are started with. */
export type Options = RealSentinel.Options & FakeSentinel.Options

export interface Server {
  readonly name: string
  readonly address: Address.Tcp
}

export interface State extends Server {
  readonly process: "running" | "paused" | "stopped"
  readonly role: "primary" | "replica" | undefined
  readonly isLinked: boolean
}

type Action = (node: Server) => Effect.Effect<void, unknown>

export class Group extends Context.Service<Group, {
  readonly name: string
  readonly addresses: ReadonlyArray<Address.Tcp>
  readonly sentinels: ReadonlyArray<Server>
  readonly nodes: Effect.Effect<ReadonlyArray<State>, unknown>
  readonly primary: Effect.Effect<State, unknown>
  readonly replicas: Effect.Effect<ReadonlyArray<State>, unknown>
  readonly command: (
    node: Server,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, unknown>
  readonly kill: Action
  readonly pause: Action
  readonly resume: Action
  readonly restart: Action
  readonly failover: Effect.Effect<State, unknown>
  readonly awaitSwitch: (from: Server) => Effect.Effect<State, unknown>
  readonly waitUntilStable: Effect.Effect<void, unknown>
  /** Connects to its servers and sentinels. */
  readonly connector: Connector.Connector["Service"]
}>()("@redisc/test/Group") {}

/** Starts groups of a kind. */
export type Start = (options: Options) => Effect.Effect<Group["Service"], unknown, Scope.Scope>

export interface Scenario {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, Group | Scope.Scope>
  /** A group of its own. Without it, the scenarios share one with two replicas, which each of them leaves or finds at rest. */
  readonly options?: Options | undefined
  /** Whether it takes long on real servers. */
  readonly isLong?: true | undefined
}

/** A client of the group. */
export const client = (options?: RedisCluster.SourceOptions, source?: Partial<Topology.SentinelOptions>) =>
  Layer.unwrap(Effect.map(Group, ({ addresses, connector, name }) =>
    Layer.provide(
      RedisCluster.layerFromSource(
        Topology.sentinel({ name, sentinels: addresses, timeout: "3 seconds", ...source }),
        options
      ),
      Layer.succeed(Connector.Connector, connector)
    )))

export const untilTrue = <E, R>(check: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(check, { until: (done) => done, schedule: Schedule.spaced("10 millis") })

export const primaryKey = Effect.flatMap(
  Topology.Topology,
  ({ current }) => Effect.map(current, (map) => map.shards[0].primary?.address.key)
)

export const replicaKeys = Effect.flatMap(
  Topology.Topology,
  ({ current }) => Effect.map(current, (map) => map.shards[0].replicas.map(({ address }) => address.key).toSorted())
)

export const untilPrimary = ({ address }: Server) => untilTrue(Effect.map(primaryKey, (key) => key === address.key))

/** Writes numbers one after the other until it is stopped, and notes how each ended. */
export const writes = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const failures: Array<string> = []
  const acknowledged: Array<string> = []
  const goodAt: Array<number> = []
  let next = 0
  yield* Redis.del(["log"])
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

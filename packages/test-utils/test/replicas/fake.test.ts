import { layer } from "@effect/vitest"
import { Connector, RedisCluster, Resp } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { scenarios } from "./scenarios.ts"
import { layout, Stage } from "./Stage.ts"
import { zoneScenarios } from "./zones.ts"

const start = (zones?: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { connector, service } = yield* FakeCluster.make({
      ...layout,
      requireFullCoverage: false,
      availabilityZones: zones
    })
    const gets = new Map<string, number>()
    for (const { name } of yield* service.nodes) {
      // Looks at what comes, and answers none of it.
      const counted = ([command]: ReadonlyArray<string>): boolean => {
        if (command === "GET") gets.set(name, (gets.get(name) ?? 0) + 1)
        return false
      }
      yield* service.reply(name, counted, Resp.Reply.null, { times: Infinity })
    }
    const put = new Map<string, string>()
    const setZone = (node: RealCluster.Node, zone: string) =>
      Effect.match(service.command(node, "CONFIG", ["SET", "availability-zone", zone]), {
        onSuccess: () => {
          put.set(node.name, zone)
          return true
        },
        onFailure: () => false
      })
    return Stage.of({
      ...service,
      waitUntilStable: Effect.void,
      setZone,
      mapTellsZones: true,
      // The settings of a process in memory end with it.
      restart: Effect.fnUntraced(function*(node) {
        yield* service.restart(node)
        const zone = put.get(node.name)
        if (zone !== undefined) yield* setZone(node, zone)
      }),
      served: ({ name }) => Effect.sync(() => gets.get(name) ?? 0),
      client: (settings) =>
        Layer.provide(
          RedisCluster.layer({ nodes: service.addresses, ...settings }),
          Layer.succeed(Connector.Connector, connector)
        )
    })
  })

layer(Layer.effect(Stage, start()), { excludeTestServices: true })("in memory", (it) => {
  for (const { name, run } of [...scenarios, ...zoneScenarios]) it.effect(name, () => run)
})

const zones = ["eu-west-1a", "eu-west-1a", "eu-west-1b"]
layer(Layer.effect(Stage, start(zones)), { excludeTestServices: true })("in memory, with zones", (it) => {
  for (const { name, run } of zoneScenarios) it.effect(name, () => run)
})

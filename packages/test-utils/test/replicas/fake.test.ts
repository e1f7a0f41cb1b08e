import { layer } from "@effect/vitest"
import { Connector, RedisCluster, Resp } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { scenarios } from "./scenarios.ts"
import { layout, Stage } from "./Stage.ts"

const start = Effect.gen(function*() {
  const { connector, service } = yield* FakeCluster.make({ ...layout, requireFullCoverage: false })
  const gets = new Map<string, number>()
  for (const { name } of yield* service.nodes) {
    // Looks at what comes, and answers none of it.
    const counted = ([command]: ReadonlyArray<string>): boolean => {
      if (command === "GET") gets.set(name, (gets.get(name) ?? 0) + 1)
      return false
    }
    yield* service.reply(name, counted, Resp.Reply.null, { times: Infinity })
  }
  return Stage.of({
    ...service,
    waitUntilStable: Effect.void,
    served: ({ name }) => Effect.sync(() => gets.get(name) ?? 0),
    client: (settings) =>
      Layer.provide(
        RedisCluster.layer({ nodes: service.addresses, ...settings }),
        Layer.succeed(Connector.Connector, connector)
      )
  })
})

layer(Layer.effect(Stage, start), { excludeTestServices: true })("in memory", (it) => {
  for (const { name, run } of scenarios) it.effect(name, () => run, 20_000)
})

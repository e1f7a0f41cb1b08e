import { it, layer } from "@effect/vitest"
import { NodeConnector } from "@redisc/node"
import { RealSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isLong } from "../chaos/stretch.ts"
import { Group } from "./Group.ts"
import type { Start } from "./Group.ts"
import { scenarios } from "./scenarios.ts"

// Sentinels that starve on a busy machine take a server for dead that is not, and switch once more.
const downAfter = "2 seconds"

const start: Start = (options) =>
  Effect.gen(function*() {
    return Group.of({
      ...(yield* RealSentinel.make({ downAfter, ...options })),
      connector: yield* NodeConnector.make()
    })
  })

const wanted = scenarios.filter((one) => isLong || one.isLong !== true)

layer(Layer.effect(Group, start({ replicas: 2 })), { excludeTestServices: true })(
  "a real Sentinel group",
  (it) => {
    for (const { name, options, run } of wanted) if (options === undefined) it.effect(name, () => run)
  }
)

for (const { name, options, run } of wanted) {
  if (options !== undefined) it.live(name, () => Effect.provideServiceEffect(run, Group, start(options)))
}

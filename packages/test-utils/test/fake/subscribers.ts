/** What tests of subscribers on the in-memory cluster have in common. */
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

/** Lets everything happen that needs no time. */
export const settled = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

/** The node at which the classic channels of the client are heard. */
export const home = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  for (const node of yield* fake.nodes) {
    if (node.process !== "running") continue
    const channels = yield* fake.command(node, "PUBSUB", ["CHANNELS"])
    if (Array.isArray(channels) && channels.length > 0) return node
  }
  return yield* Effect.die("nobody hears anything")
})

/** What many tests begin with, and how they let time pass. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Reply, scriptedCluster } from "./ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./ScriptedCluster.ts"

/** Lets everything happen that needs no time. */
export const settle: Effect.Effect<void> = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

/** Lets time pass, in small steps, with all that happens in between. */
export const advance = Effect.fnUntraced(function*(duration: Duration.Input) {
  yield* settle
  const end = Duration.toMillis(Duration.fromInputUnsafe(duration))
  for (let now = 0; now < end; now += 50) {
    yield* TestClock.adjust(Math.min(50, end - now))
    yield* settle
  }
})

/** Three primaries; a GET is answered with the node's key, a SET with OK. */
export const threeNodes = (): { cluster: ScriptedCluster; a: ScriptedNode; b: ScriptedNode; c: ScriptedNode } => {
  const cluster = scriptedCluster([[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]])
  for (const node of cluster.nodes.values()) node.on("GET", Reply.bulk(node.key)).on("SET", Reply.simple("OK"))
  return { cluster, a: cluster.node("a:7000"), b: cluster.node("b:7000"), c: cluster.node("c:7000") }
}

/** A key for each of the {@link threeNodes}, and the slot of the first. */
export const keyOfA = "bar"
export const keyOfB = "k"
export const keyOfC = "foo"
export const slotOfA = 5061

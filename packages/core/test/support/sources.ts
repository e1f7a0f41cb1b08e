/** Sources of a test's own, and clients by them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as RedisCluster from "../../src/RedisCluster.ts"
import * as RedisError from "../../src/RedisError.ts"
import * as SlotMap from "../../src/SlotMap.ts"
import * as Topology from "../../src/Topology.ts"
import { address } from "./learning.ts"
import { settle, threeNodes } from "./scenes.ts"

const thirds = [[0, 5460], [5461, 10922], [10923, 16383]] as const

export const mapOf = (...owners: ReadonlyArray<string>): SlotMap.SlotMap =>
  Result.getOrThrow(
    SlotMap.make(owners.map((key, index) => ({ primary: address(key), slots: [thirds[index]] })))
  )

export const whole = mapOf("a:7000", "b:7000", "c:7000")

/** What a source told, and how often it was asked. */
export const told = (discovery: Partial<Topology.Discovery> = {}, options: Partial<Topology.Source> = {}) => {
  const asked = { times: 0, map: whole as SlotMap.SlotMap | RedisError.RedisError }
  const source: Topology.Source = {
    open: Effect.succeed({
      learn: Effect.suspend(() => {
        asked.times++
        return RedisError.isRedisError(asked.map) ? Effect.fail(asked.map) : Effect.succeed(asked.map)
      }),
      ...discovery
    }),
    ...options
  }
  return { asked, source }
}

/** A client of the {@link threeNodes} by such a source. */
export const clientOf = Effect.fnUntraced(function*(source: Topology.Source, options?: RedisCluster.SourceOptions) {
  const nodes = threeNodes()
  const context = yield* nodes.cluster.provide(Layer.build(RedisCluster.layerFromSource(source, options)))
  yield* settle
  const run = <A, E>(effect: Effect.Effect<A, E, RedisCluster.Services>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, context)
  return { ...nodes, run, topology: yield* Effect.provideContext(Topology.Topology, context) }
})

/** A topology of scripted nodes, and what it has learnt. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../../src/Address.ts"
import * as NodePool from "../../src/NodePool.ts"
import * as SlotMap from "../../src/SlotMap.ts"
import * as Topology from "../../src/Topology.ts"
import { settle } from "./scenes.ts"
import type { ScriptedCluster } from "./ScriptedCluster.ts"
import type { Slots } from "./slotsReply.ts"

export const address = (key: string) => Result.getOrThrow(Address.parse(key))

export const learn = (cluster: ScriptedCluster, seeds: ReadonlyArray<string>, options?: Partial<Topology.Options>) =>
  cluster.provide(Effect.gen(function*() {
    const pool = yield* NodePool.make()
    const topology = yield* Effect.provideService(
      Topology.make({ seeds: seeds.map(address), ...options }),
      NodePool.NodePool,
      pool
    )
    yield* settle
    return { pool, topology }
  }))

export const owners = (map: SlotMap.SlotMap): ReadonlyArray<string> =>
  SlotMap.ranges(map).map(({ end, shard, start }) => `${start}-${end} ${shard.primary?.address.key}`)

export const ownersOf = (slots: Slots) => slots.map(([start, end, primary]) => `${start}-${end} ${primary}`)

export { start } from "./client.ts"

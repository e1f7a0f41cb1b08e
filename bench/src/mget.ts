/**
 * Measures MGET of keys over all slots of three primaries, beside a pipeline of the same GETs and beside node-redis, which splits
 * MGET by slot as well. All take turns in this process, on one cluster, each round in another order, and without what the one before
 * has left to the garbage collector.
 *
 * Usage: npm run bench:mget -- [--rounds 9]
 */
import { Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { parseArgs } from "node:util"
import { createCluster } from "redis"
import { Cluster } from "./cluster/cluster.ts"
import { send } from "./cluster/wire.ts"
import { median } from "./figures/median.ts"
import { ownerOf } from "./work/fill.ts"

const { values: { rounds } } = parseArgs({ options: { rounds: { type: "string", default: "9" } } })

/** Keys in one call, and calls in a round. */
const sizes = [{ size: 10_000, calls: 8 }, { size: 100, calls: 400 }]

const keys = Array.from({ length: 10_000 }, (_, n) => `key:${n}`)
const valueOf = (key: string): string => key.padEnd(100, ".")

const fill = (ports: ReadonlyArray<number>): Promise<unknown> =>
  Promise.all(
    ports.map((port, node) =>
      send(port, keys.filter((key) => ownerOf(key, ports.length) === node).map((key) => ["SET", key, valueOf(key)]))
    )
  )

type Read = (keys: ReadonlyArray<string>) => Promise<ReadonlyArray<string | null>>

const check = (keys: ReadonlyArray<string>, values: ReadonlyArray<string | null>): void => {
  const wrong = keys.findIndex((key, n) => values[n] !== valueOf(key))
  if (wrong >= 0 || values.length !== keys.length) throw new Error(`${keys[wrong]} is ${values[wrong]}`)
}

/** Microseconds a call. */
const timed = async (read: Read, keys: ReadonlyArray<string>, calls: number): Promise<number> => {
  const start = process.hrtime.bigint()
  for (let call = 0; call < calls; call++) await read(keys)
  return Number(process.hrtime.bigint() - start) / 1000 / calls
}

const cluster = await Cluster.start(3)
await fill(cluster.ports)
const redisc = ManagedRuntime.make(
  NodeRedisCluster.layer({ nodes: cluster.ports.map((port) => `127.0.0.1:${port}`) })
)
const nodeRedis = createCluster({ rootNodes: cluster.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
await nodeRedis.connect()

const reads: Readonly<Record<string, Read>> = {
  "redisc, mget": (keys) => redisc.runPromise(Redis.mget(keys)),
  "redisc, a pipeline of GETs": (keys) => redisc.runPromise(Redis.pipeline(keys.map((key) => Redis.get(key)))),
  "node-redis, mGet": (keys) => nodeRedis.mGet([...keys])
}
const names = Object.keys(reads)
const [ours, pipeline, theirs] = names

const order = (round: number): ReadonlyArray<string> => {
  const first = (round + names.length) % names.length
  return [...names.slice(first), ...names.slice(0, first)]
}

for (const { calls, size } of sizes) {
  const some = keys.slice(0, size)
  const times = new Map(names.map((name) => [name, new Array<number>()]))
  for (let round = -2; round < Number(rounds); round++) {
    for (const name of order(round)) {
      const read = reads[name]
      check(some, await read(some))
      globalThis.gc?.()
      const time = await timed(read, some, calls)
      // The first two rounds are for the compiler.
      if (round >= 0) times.get(name)!.push(time)
    }
  }
  const typical = (name: string): number => median(times.get(name)!)
  console.log(`${size} keys`)
  for (const name of names) console.log(`  ${name.padEnd(28)} ${typical(name).toFixed(0).padStart(7)} µs`)
  console.log(`  node-redis takes ${(typical(theirs) / typical(ours)).toFixed(2)} times as long as mget`)
  console.log(`  mget takes ${(typical(ours) / typical(pipeline)).toFixed(2)} times as long as the pipeline`)
}

await redisc.dispose()
await nodeRedis.close()
await cluster.stop()

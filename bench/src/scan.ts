/**
 * Scans all keys of three primaries with redisc, node-redis and valkey-glide: how long it takes and how much memory, while nothing moves;
 * and how many keys are missing when slots move to one node between the pages, four after each. All take turns in this process, on one
 * cluster.
 *
 * Usage: npm run bench:scan -- [--keys 200000] [--rounds 5]
 */
import { Scan, Slot } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { ClusterScanCursor, GlideClusterClient } from "@valkey/valkey-glide"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { parseArgs } from "node:util"
import { createCluster } from "redis"
import { Cluster } from "./cluster/cluster.ts"
import { agreed, memberAt, moveSlot } from "./cluster/moving.ts"
import { send } from "./cluster/wire.ts"
import { median } from "./figures/median.ts"
import { ownerOf } from "./work/fill.ts"

const { values } = parseArgs({
  options: { keys: { type: "string", default: "200000" }, rounds: { type: "string", default: "5" } }
})

/** What a node looks at for one page. */
const count = 1000
const slotsAPage = 4

const keys = Array.from({ length: Number(values.keys) }, (_, n) => `key:${n}`)

type OnPage = (keys: ReadonlyArray<string>) => Promise<void>
type ScanAll = (onPage: OnPage) => Promise<void>

const cluster = await Cluster.start(3)
const { ports } = cluster
await Promise.all(
  ports.map((port, node) =>
    send(port, keys.filter((key) => ownerOf(key, ports.length) === node).map((key) => ["SET", key, "1"]))
  )
)

const redisc = ManagedRuntime.make(NodeRedisCluster.layer({ nodes: ports.map((port) => `127.0.0.1:${port}`) }))
const nodeRedis = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
await nodeRedis.connect()
const glide = await GlideClusterClient.createClient({
  addresses: ports.map((port) => ({ host: "127.0.0.1", port })),
  requestTimeout: 30_000
})

const scans: Readonly<Record<string, ScanAll>> = {
  redisc: (onPage) =>
    redisc.runPromise(Stream.runForEach(Scan.pages({ count }), (page) => Effect.promise(() => onPage(page.keys)))),
  "redisc, one node at a time": (onPage) =>
    redisc.runPromise(
      Stream.runForEach(Scan.pages({ count, concurrency: 1 }), (page) => Effect.promise(() => onPage(page.keys)))
    ),
  "node-redis": async (onPage) => {
    let cursor = "0"
    do {
      const page = await nodeRedis.scan(cursor, { COUNT: count })
      await onPage(page.keys)
      cursor = `${page.cursor}`
    } while (cursor !== "0")
  },
  glide: async (onPage) => {
    let cursor = new ClusterScanCursor()
    while (!cursor.isFinished()) {
      const [next, page] = await glide.scan(cursor, { count })
      await onPage(page as ReadonlyArray<string>)
      cursor = next
    }
  }
}

const memory = (): number => {
  const { external, heapUsed } = process.memoryUsage()
  return (heapUsed + external) / 1024 / 1024
}

const idle = async (scan: ScanAll) => {
  globalThis.gc?.()
  const before = memory()
  let most = before
  let found = 0
  const start = process.hrtime.bigint()
  await scan(async (page) => {
    found += page.length
    most = Math.max(most, memory())
  })
  const millis = Number(process.hrtime.bigint() - start) / 1e6
  return { millis, grown: most - before, missing: keys.length - found }
}

const members = await Promise.all(ports.map(memberAt))
/** The slots of each node, with their keys. */
const slotsOf = members.map((from, node) =>
  Slot.group(keys.filter((key) => ownerOf(key, ports.length) === node)).map(({ keys, slot }) => ({ from, keys, slot }))
)

const moving = async (scan: ScanAll, to: number) => {
  const seen = new Set<string>()
  const moved: Array<(typeof slotsOf)[number][number]> = []
  const left = slotsOf.filter((_, node) => node !== to).map((slots) => slots.slice())
  let delivered = 0
  await scan(async (page) => {
    delivered += page.length
    for (const key of page) seen.add(key)
    for (let n = 0; n < slotsAPage; n++) {
      const slot = left[n % 2].pop()
      if (slot === undefined) return
      await moveSlot({ ...slot, to: members[to] }, members)
      moved.push(slot)
    }
  })
  await agreed(members)
  for (const node of members) {
    for (const slot of moved) {
      if (slot.from === node) await moveSlot({ ...slot, from: members[to], to: node }, members)
    }
    await agreed(members)
  }
  return { moved: moved.length, missing: keys.length - seen.size, again: delivered - seen.size }
}

console.log(`${keys.length} keys on 3 primaries, COUNT ${count}`)
console.log("\nwhile nothing moves        ms   most memory, MiB   missing")
const times = new Map(Object.keys(scans).map((name) => [name, new Array<Awaited<ReturnType<typeof idle>>>()]))
for (let round = -1; round < Number(values.rounds); round++) {
  // The first round is for the compiler.
  for (const [name, scan] of Object.entries(scans)) {
    const run = await idle(scan)
    if (round >= 0) times.get(name)!.push(run)
  }
}
for (const [name, runs] of times) {
  const of = (what: "millis" | "grown") => median(runs.map((run) => run[what]))
  const missing = Math.max(...runs.map((run) => run.missing))
  console.log(
    `${name.padEnd(28)}${of("millis").toFixed(0).padStart(5)}${of("grown").toFixed(1).padStart(18)}${
      `${missing}`.padStart(10)
    }`
  )
}

console.log("\nwhile slots move to the       slots moved   missing   again")
for (const [name, scan] of Object.entries(scans)) {
  for (const [node, which] of ["first", "second", "third"].entries()) {
    const { again, missing, moved } = await moving(scan, node)
    const who = `${name}, ${which} node`
    console.log(`${who.padEnd(34)}${`${moved}`.padStart(7)}${`${missing}`.padStart(10)}${`${again}`.padStart(8)}`)
  }
}

await redisc.dispose()
await nodeRedis.close()
glide.close()
await cluster.stop()

/**
 * Writes a CPU profile and an allocation profile of the path of a command, against servers that it starts, and prints a
 * summary. Both files open in the developer tools of Chrome ("Performance" and "Memory").
 *
 * Usage: npm run profile -- [loops] [commands]
 */
import { Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import type { HeapProfiler, Profiler } from "node:inspector"
import { Session } from "node:inspector/promises"
import { Cluster } from "./cluster/cluster.ts"

const loops = Number(process.argv[2] ?? 500)
const commands = Number(process.argv[3] ?? 2_000_000)
const folder = new URL("../../profiles/", import.meta.url)
const shown = 25

/** The interval between two samples of the heap, in bytes. */
const heapInterval = 16 * 1024

/** The interval between two samples of the processor, in microseconds. */
const cpuInterval = 200

const key = (n: number): string => `key:${String(n).padStart(8, "0")}`
const keys = Array.from({ length: 10_000 }, (_, n) => key(n))

const loop = Effect.fnUntraced(function*(index: number) {
  for (let n = 0; n < commands / loops; n++) yield* Redis.get(keys[(index * 31 + n) % keys.length])
})

const work = Effect.forEach(Array.from({ length: loops }, (_, n) => n), loop, {
  concurrency: "unbounded",
  discard: true
})

const fill = Redis.pipeline(keys.map((key) => Redis.set(key, "x".repeat(100))))

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

/** The part of the program that a frame belongs to. */
const partOf = ({ functionName, url }: CallFrame): string => {
  if (url.includes("/node_modules/effect/")) return "Effect"
  if (url.includes("/packages/core/")) return "@redisc/core"
  if (url.includes("/packages/node/")) return "@redisc/node"
  if (url.includes("/bench/")) return "the program"
  if (functionName === "(garbage collector)") return "garbage collector"
  if (functionName === "(idle)") return "idle"
  return url.startsWith("node:async_hooks") || url.includes("async_context") ? "Node, async context" : "Node"
}

const placeOf = ({ functionName, lineNumber, url }: CallFrame): string =>
  `${functionName === "" ? "(anonymous)" : functionName} ${
    url === "" ? "" : `${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`
  }`

/** Prints the share of each name in the whole, the largest first. */
const print = (title: string, shares: ReadonlyMap<string, number>): void => {
  const total = Array.from(shares.values()).reduce((sum, share) => sum + share, 0)
  console.log(`\n${title}`)
  for (const [name, share] of Array.from(shares).sort(([, a], [, b]) => b - a).slice(0, shown)) {
    console.log(`${(share / total * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}

const add = (shares: Map<string, number>, name: string, share: number): void => {
  shares.set(name, (shares.get(name) ?? 0) + share)
}

const printTimes = ({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): void => {
  const frames = new Map(nodes.map(({ callFrame, id }) => [id, callFrame]))
  const parts = new Map<string, number>()
  const places = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id)!
    add(parts, partOf(frame), timeDeltas[index])
    add(places, placeOf(frame), timeDeltas[index])
  }
  print("time, whose code it is spent in", parts)
  print("time, by function", places)
}

const printAllocations = ({ head }: HeapProfiler.SamplingHeapProfile): void => {
  const places = new Map<string, number>()
  let bytes = 0
  const visit = ({ callFrame, children, selfSize }: HeapProfiler.SamplingHeapProfileNode): void => {
    bytes += selfSize
    add(places, placeOf(callFrame), selfSize)
    for (const child of children) visit(child)
  }
  visit(head)
  print(`allocations, by function (${(bytes / commands).toFixed(0)} bytes a command in all)`, places)
}

const save = (name: string, profile: unknown): void => {
  mkdirSync(folder, { recursive: true })
  const file = new URL(name, folder)
  writeFileSync(file, JSON.stringify(profile))
  console.log(`\nwritten: ${file.pathname}`)
}

const profiled = Effect.gen(function*() {
  const session = new Session()
  session.connect()
  yield* fill
  // Runs once without measuring, so that the measured code is compiled.
  yield* work

  yield* Effect.promise(() => session.post("Profiler.enable"))
  yield* Effect.promise(() => session.post("Profiler.setSamplingInterval", { interval: cpuInterval }))
  yield* Effect.promise(() => session.post("Profiler.start"))
  yield* work
  const times = yield* Effect.promise(() => session.post("Profiler.stop"))
  printTimes(times.profile)
  save("get.cpuprofile", times.profile)

  yield* Effect.promise(() =>
    session.post("HeapProfiler.startSampling", {
      samplingInterval: heapInterval,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true
    })
  )
  yield* work
  const allocations = yield* Effect.promise(() => session.post("HeapProfiler.stopSampling"))
  printAllocations(allocations.profile)
  save("get.heapprofile", allocations.profile)
})

const cluster = await Cluster.start(3)
try {
  const layer = NodeRedisCluster.layer({ nodes: cluster.ports.map((port) => `127.0.0.1:${port}`) })
  await Effect.runPromise(Effect.provide(profiled, layer))
} finally {
  await cluster.stop()
}

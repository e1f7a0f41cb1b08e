import { PubSub, Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import type { Nodes } from "../cluster/cluster.ts"
import { checkReply, dataOf, indexOf, isSampled, isWrite } from "../work/data.ts"
import type { Data } from "../work/data.ts"
import type { Load } from "../work/workloads.ts"
import type { Open, Subscribe } from "./client.ts"
import type { Batch } from "./client.ts"
import { batchFor, fromPromises } from "./promises.ts"

const connect = ({ ca, ports }: Nodes) =>
  ManagedRuntime.make(NodeRedisCluster.layer({
    nodes: ports.map((port) => `127.0.0.1:${port}`),
    tls: ca === undefined ? false : { ca }
  }))

const runLoop = Effect.fnUntraced(function*({ operation, perLoop }: Load, data: Data, loop: number) {
  const { keys, values } = data
  for (let n = 0; n < perLoop; n++) {
    const index = indexOf(data, loop, n)
    const write = isWrite(operation, loop, n)
    const reply = yield* (write ? Redis.set(keys[index], values[index]) : Redis.get(keys[index]))
    if (isSampled(loop, n)) checkReply(data, write, index, reply)
  }
})

const allLoops = (work: Load) => {
  const data = dataOf(work.size)
  const indexes = Array.from({ length: work.loops }, (_, index) => index)
  return Effect.forEach(indexes, (loop) => runLoop(work, data, loop), { concurrency: "unbounded", discard: true })
}

const atOnce = { concurrency: "unbounded" } as const

const each = ({ keys, values }: Batch) =>
  values === undefined
    ? Effect.forEach(keys, (key) => Redis.get(key), atOnce)
    : Effect.forEach(keys, (key, n) => Redis.set(key, values[n]), atOnce)

const pipeline = ({ keys, values }: Batch) =>
  values === undefined
    ? Redis.pipeline(keys.map((key) => Redis.get(key)))
    : Redis.pipeline(keys.map((key, n) => Redis.set(key, values[n])))

/** Loops are fibers. Commands that are known at the same time are a fiber each, or a pipeline. */
export const open = (how: "each" | "pipeline"): Open => async (nodes) => {
  const runtime = connect(nodes)
  await runtime.context()
  return {
    prepare: (work) => {
      if (work.shape === "loops") return () => runtime.runPromise(allLoops(work))
      const batch = batchFor(work)
      const all = how === "each" ? each : pipeline
      return async () => batch.check(await runtime.runPromise(all(batch)))
    },
    close: () => runtime.dispose()
  }
}

/** The client for programs that are not written in Effect. */
export const openPromises: Open = async (nodes) => {
  const runtime = connect(nodes)
  // The runtime itself would record each fiber, to interrupt it in the end. That takes longer than the command.
  const run = Effect.runPromiseWith(await runtime.context())
  return fromPromises({
    get: (key) => run(Redis.get(key)),
    set: (key, value) => run(Redis.set(key, value)),
    close: () => runtime.dispose()
  })
}

export const subscribe = (how: "each" | "arrays"): Subscribe => (nodes, channel, hear) =>
  new Promise((resolve, reject) => {
    const listening = Effect.scoped(Effect.gen(function*() {
      // The other clients have no limit, so the limit must not be reached here either.
      const events = yield* PubSub.listen({ channels: [channel] }, { buffer: Number.MAX_SAFE_INTEGER })
      resolve()
      const note = (event: PubSub.Event): void => {
        if (event._tag === "Message") hear(event.payload)
      }
      yield* how === "arrays"
        ? Stream.runForEachArray(events, (several) => Effect.sync(() => several.forEach(note)))
        : Stream.runForEach(events, (event) => Effect.sync(() => note(event)))
    }))
    connect(nodes).runPromise(listening).catch(reject)
  })

import { Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Open } from "../clients.ts"
import { batch, checkReplies, checkReply, indexOf, isSampled, keys, values } from "../data.ts"
import type { Workload } from "../workloads.ts"
import type { Replies } from "./promises.ts"

const getLoop = Effect.fnUntraced(function*({ perLoop }: Workload, loop: number) {
  for (let n = 0; n < perLoop; n++) {
    const index = indexOf(loop, n)
    const reply = yield* Redis.get(keys[index])
    if (isSampled(loop, n)) checkReply("get", index, reply)
  }
})

const setLoop = Effect.fnUntraced(function*({ perLoop }: Workload, loop: number) {
  for (let n = 0; n < perLoop; n++) {
    const index = indexOf(loop, n)
    const reply = yield* Redis.set(keys[index], values[index])
    if (isSampled(loop, n)) checkReply("set", index, reply)
  }
})

const getEach = Effect.suspend(() =>
  Effect.forEach(batch, (index) => Redis.get(keys[index]), { concurrency: "unbounded" })
)

const setEach = Effect.suspend(() =>
  Effect.forEach(batch, (index) => Redis.set(keys[index], values[index]), { concurrency: "unbounded" })
)

const getAll = Effect.suspend(() => Redis.pipeline(batch.map((index) => Redis.get(keys[index]))))

const setAll = Effect.suspend(() => Redis.pipeline(batch.map((index) => Redis.set(keys[index], values[index]))))

const loops = (work: Workload) => {
  const loop = work.operation === "get" ? getLoop : setLoop
  const indexes = Array.from({ length: work.loops }, (_, index) => index)
  return Effect.forEach(indexes, (index) => loop(work, index), { concurrency: "unbounded", discard: true })
}

export const open = (pipelined: boolean): Open => async (ports) => {
  const runtime = ManagedRuntime.make(NodeRedisCluster.layer({ nodes: ports.map((port) => `127.0.0.1:${port}`) }))
  await runtime.context()
  const all = pipelined ? { get: getAll, set: setAll } : { get: getEach, set: setEach }
  return {
    run: async (work) => {
      const { operation, shape } = work
      if (shape === "loops") return runtime.runPromise(loops(work))
      checkReplies(operation, await runtime.runPromise<Replies, Redis.RedisError>(all[operation]))
    },
    close: () => runtime.dispose()
  }
}

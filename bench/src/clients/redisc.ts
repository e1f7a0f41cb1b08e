import { Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Open } from "../clients.ts"
import { checkReply, indexOf, isSampled, keys, values } from "../data.ts"
import type { Workload } from "../workloads.ts"

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

export const open: Open = async (ports) => {
  const runtime = ManagedRuntime.make(NodeRedisCluster.layer({ nodes: ports.map((port) => `127.0.0.1:${port}`) }))
  await runtime.context()
  return {
    run: (work) => {
      const loop = work.operation === "get" ? getLoop : setLoop
      const loops = Array.from({ length: work.loops }, (_, index) => index)
      return runtime.runPromise(
        Effect.forEach(loops, (index) => loop(work, index), { concurrency: "unbounded", discard: true })
      )
    },
    close: () => runtime.dispose()
  }
}

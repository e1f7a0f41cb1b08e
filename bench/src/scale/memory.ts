/**
 * The memory of a client for each node that it is connected to.
 */
import { RedisCluster } from "@redisc/core"
import * as Effect from "effect/Effect"
import { Answering, key } from "../answering/answering.ts"
import { clientOf, connect, gets } from "../answering/client.ts"
import { contiguous } from "../answering/layout.ts"
import { heap } from "./cost.ts"
import * as Section from "./section.ts"

const commands = 100_000
const refreshes = 50
const keys = Array.from({ length: 20_000 }, (_, n) => key(n))

const client = (nodes: number) => {
  const answering = new Answering(contiguous(nodes))
  const program = Effect.gen(function*() {
    const { refresh } = yield* RedisCluster.RedisCluster
    yield* connect
    const connected = yield* heap
    yield* gets(keys, 500, commands)
    const used = yield* heap
    yield* Effect.repeat(refresh, { times: refreshes - 1 })
    return { connected, used, refreshed: yield* heap }
  })
  return Effect.provide(program, clientOf(answering))
}

const measure = (nodes: number) =>
  Effect.runPromise(Effect.gen(function*() {
    // A first client loads the code, so that its memory does not count for the second one.
    yield* client(nodes)
    const before = yield* heap
    const { connected, refreshed, used } = yield* client(nodes)
    const after = yield* heap
    return {
      connected: (connected - before) / nodes / 1024,
      used: (used - before) / nodes / 1024,
      whole: (used - before) / 1024 / 1024,
      refreshed: (refreshed - before) / 1024 / 1024,
      left: (after - before) / 1024 / 1024
    }
  }))

export const memory = Section.make({
  title: "Memory of the client",
  columns: {
    connected: { heading: "connected, KiB/node", digits: 1 },
    used: { heading: "used, KiB/node", digits: 1 },
    whole: { heading: "used, MiB", digits: 1 },
    refreshed: { heading: "refreshed, MiB", digits: 1 },
    left: { heading: "closed, MiB", digits: 1 }
  },
  cases: Section.sizes.map((nodes) => ({ label: `${nodes} nodes`, measure: () => measure(nodes) })),
  notes: [
    `used: after ${commands} GETs; refreshed: after ${refreshes} refreshes more; closed: what stays of it`
  ]
})

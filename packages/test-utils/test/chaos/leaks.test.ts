import { assert, describe, it } from "@effect/vitest"
import { Redis } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { calm } from "./patience.ts"

/** Counts the fibers that have begun and not ended. */
const makeCensus = () => {
  const census = { alive: 0 }
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      census.alive++
    },
    recordFiberEnd: () => {
      census.alive--
    }
  }
  return { census, service }
}

/** Sockets and timers that keep the process busy, by kind. */
const resources = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|Timeout/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** A destroyed socket goes away a few turns of the event loop later. */
const settled = (condition: () => boolean) =>
  Effect.repeat(Effect.andThen(turn, Effect.sync(condition)), {
    until: (done) => done,
    schedule: Schedule.recurs(1000)
  })

const busy = (name: string) =>
  Effect.forever(Effect.ignore(Effect.forEach(["a", "b", "c", "d"], (key) => Redis.incr(`${name}:${key}`), {
    discard: true
  })))

const clientsNamed = Effect.fnUntraced(function*(name: string) {
  const servers = yield* RealCluster.RealCluster
  let count = 0
  for (const node of yield* servers.nodes) {
    const list = String(yield* servers.command(node, "CLIENT", ["LIST"]))
    count += list.split("\n").filter((line) => line.includes(` name=${name} `)).length
  }
  return count
})

describe("what is left behind under load", () => {
  it.live("interrupting, timing out and closing leave no socket, timer or fiber", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      // What the cluster's own connections have is there once they have been used, and have come to rest.
      assert.strictEqual(yield* clientsNamed("leaks"), 0)
      yield* Effect.replicateEffect(turn, 100, { discard: true })
      const before = resources()
      const { census, service } = makeCensus()

      const session = Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(
          NodeRedisCluster.layer({ nodes: addresses, clientName: "leaks" }),
          scope
        )
        const load = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, n) => n),
          (n) => Effect.forkDetach(Effect.provide(busy(`leaks:${n}`), context))
        )
        const quitters = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, n) => n),
          (n) => Effect.forkDetach(Effect.provide(Effect.timeoutOption(busy(`leaks:${n}`), n), context))
        )
        const blocked = yield* Effect.forkDetach(Effect.provide(Redis.blpop(["leaks:nothing"], "Infinity"), context))
        yield* Fiber.awaitAll(quitters)
        assert.isAbove(census.alive, 200)
        assert.isAbove(yield* clientsNamed("leaks"), 3)
        yield* Effect.forEach(load.slice(0, 100), Fiber.interrupt, { concurrency: "unbounded" })
        yield* Fiber.interrupt(blocked)
        // The other hundred are still at it when the layer goes.
        yield* Scope.close(scope, Exit.void)
        const afterwards = yield* Effect.flip(Effect.provide(Redis.get("leaks:0:a"), context))
        assert.strictEqual(afterwards.reason._tag, "Closed")
        yield* Effect.forEach(load.slice(100), Fiber.interrupt, { concurrency: "unbounded" })
      })
      // Counted from within: the fibers of this test itself have no such service.
      const fiber = yield* Effect.forkDetach(Effect.provideService(session, Metric.FiberRuntimeMetrics, service))
      yield* Fiber.join(fiber)

      yield* settled(() => JSON.stringify(resources()) === JSON.stringify(before))
      assert.deepStrictEqual(resources(), before)
      yield* settled(() => census.alive === 0)
      assert.strictEqual(census.alive, 0)
      assert.strictEqual(yield* clientsNamed("leaks"), 0)
    }).pipe(Effect.provide(RealCluster.layer({ primaries: 3, nodeTimeout: calm }))))
})

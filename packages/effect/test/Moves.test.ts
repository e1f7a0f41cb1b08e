import { assert } from "@effect/vitest"
import * as Redis from "@redisc/core/Redis"
import { EffectRedis, PersistedQueueStore } from "@redisc/effect"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Persisted from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Moves, onClusters } from "./support/clusters.ts"

const Services = Layer.mergeAll(
  EffectRedis.layer,
  PersistedQueue.layer.pipe(
    Layer.provideMerge(PersistedQueueStore.layer({ pollInterval: "20 millis", lockExpiration: "5 seconds" }))
  )
)

const Work = Schema.Struct({ to: Schema.String })

const until = <E, R>(check: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(check, { until: (isSo) => isSo, schedule: Schedule.spaced("20 millis") })

/** Builds its key from its first argument. */
const undeclared = Persisted.script((prefix: string, value: string) => [prefix, value], {
  numberOfKeys: 0,
  lua: `redis.call("SET", ARGV[1] .. ":value", ARGV[2]) return ARGV[2]`
}).withReturnType<string>()

onClusters("slots that move", Services, (it, where) => {
  it.effect("are followed by a reserved connection", () =>
    Effect.scoped(Effect.gen(function*() {
      const { move } = yield* Moves
      const redis = yield* Persisted.Redis
      const { send } = yield* redis.reserve
      yield* send("SET", "moving", "1")
      yield* move("moving")
      assert.strictEqual(yield* send("INCR", "moving"), 2)
      yield* send("WATCH", "moving")
      yield* send("MULTI")
      yield* send("INCR", "moving")
      assert.deepStrictEqual(yield* send("EXEC"), [3])
    })))

  it.effect("are known after a script without keys has failed because of them", () =>
    Effect.gen(function*() {
      const { move } = yield* Moves
      const redis = yield* Persisted.Redis
      const run = redis.eval(undeclared)
      yield* run("{astray}", "1")
      yield* move("{astray}")
      const error = yield* Effect.flip(run("{astray}", "2"))
      assert.match(String(error.cause), /non local key/)
      assert.strictEqual(yield* run("{astray}", "3"), "3")
    }))

  it.effect("keep a scan complete whose cursor was given before", () =>
    Effect.gen(function*() {
      const { move } = yield* Moves
      const redis = yield* Persisted.Redis
      const keys = Array.from({ length: 60 }, (_, index) => `scanned:${index}`)
      yield* Effect.forEach(keys, (key) => redis.send("SET", key, "x"), { discard: true })
      const found = new Set<string>()
      let cursor = "0"
      let page = 0
      do {
        const [next, some] = yield* redis.send<[string, Array<string>]>(
          "SCAN",
          cursor,
          "MATCH",
          "scanned:*",
          "COUNT",
          "5"
        )
        for (const key of some) found.add(key)
        cursor = next
        if (page < 5) yield* move(keys[page++])
      } while (cursor !== "0")
      assert.strictEqual(found.size, keys.length)
    }), 40_000)

  it.effect(
    "and failovers lose nothing of a queue, and deliver nothing twice, while workers work",
    () =>
      Effect.gen(function*() {
        const { failover, move } = yield* Moves
        const queue = yield* PersistedQueue.make({ name: "moving", schema: Work, retrySchedule: Schedule.spaced(1) })
        const count = 300
        const done = new Map<string, number>()
        const workers = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 4 }),
            () => Effect.forever(queue.take(({ to }) => Effect.sync(() => done.set(to, (done.get(to) ?? 0) + 1)))),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        const offers = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: count }, (_, i) => i),
            (i) => Effect.andThen(queue.offer({ to: `${i}` }, { id: `${i}` }), Effect.sleep("2 millis")),
            { discard: true }
          ),
          { startImmediately: true }
        )
        yield* move("{effectq:moving}")
        yield* failover("{effectq:moving}")
        yield* move("{effectq:moving}")
        yield* Fiber.join(offers)
        yield* until(Effect.map(Redis.hlen("{effectq:moving}:items"), (left) => left === 0))
        yield* Fiber.interrupt(workers)
        assert.strictEqual(done.size, count)
        // A claim whose reply was lost with its connection is delivered again: an attempt, but not yet to a handler.
        assert.deepStrictEqual([...done.values()].filter((times) => times !== 1), [])
      }),
    40_000
  )

  it.effect(
    "to the successor of a primary that was killed lose nothing of a queue that the servers have not lost",
    () =>
      Effect.gen(function*() {
        const { kill } = yield* Moves
        const queue = yield* PersistedQueue.make({ name: "crash", schema: Work, retrySchedule: Schedule.spaced(1) })
        const done = new Map<string, number>()
        const offered: Array<string> = []
        const load = { isOver: false }
        const workers = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 4 }), () =>
            Effect.forever(Effect.exit(queue.take(({ to }) =>
              Effect.sync(() =>
                done.set(to, (done.get(to) ?? 0) + 1)
              )
            ))), { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        const offers = yield* Effect.forkChild(
          Effect.gen(function*() {
            for (let i = 0; !load.isOver || i < 100; i++) {
              const offer = yield* Effect.exit(queue.offer({ to: `${i}` }, { id: `${i}` }))
              if (offer._tag === "Success") {
                offered.push(`${i}`)
              }
              yield* Effect.sleep("2 millis")
            }
          }),
          { startImmediately: true }
        )
        yield* kill("{effectq:crash}")
        load.isOver = true
        yield* Fiber.join(offers)
        yield* until(Effect.map(Redis.hlen("{effectq:crash}:items"), (left) =>
          left === 0))
        yield* Fiber.interrupt(workers)
        // The servers have lost an offer if they don't know its id.
        const missing = offered.filter((id) => !done.has(id))
        const known = yield* Effect.forEach(missing, (id) => Redis.zscore("{effectq:crash}:ids", id))
        assert.deepStrictEqual(known, missing.map(() => null))
        assert.isAtLeast(done.size, 100)
      }),
    60_000
  )

  if (where === "real") {
    it.effect("aside, an element of a worker that was killed is delivered to another", () =>
      Effect.gen(function*() {
        const { addresses } = yield* Moves
        const queue = yield* PersistedQueue.make({ name: "killed", schema: Work })
        yield* queue.offer({ to: "ada" })
        const path = fileURLToPath(new URL("support/worker.ts", import.meta.url))
        const worker = spawn(
          process.execPath,
          ["--conditions=@redisc/source", path, "killed", ...addresses],
          { stdio: ["ignore", "pipe", "inherit"] }
        )
        const [said] = yield* Effect.promise(() => once(worker.stdout, "data"))
        assert.strictEqual(`${said}`, "took ada\n")
        worker.kill("SIGKILL")
        yield* Effect.promise(() => once(worker, "exit"))
        assert.deepStrictEqual(yield* queue.take(({ to }, { attempts }) => Effect.succeed([to, attempts])), ["ada", 2])
      }), 30_000)
  }
}, { replicas: 1 })

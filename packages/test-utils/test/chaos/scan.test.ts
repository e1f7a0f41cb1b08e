/**
 * Scans of real servers that move slots and fail over meanwhile: no key may be missing. Environment variables: `REDISC_SCAN_KEYS`, the
 * number of keys (2,000 by default, 20,000 with `REDIS_SERVER`), and `REDISC_SCAN_SLOTS`, the number of slots that move (60, 400).
 */
import { assert, describe, it } from "@effect/vitest"
import { Redis, Scan, Slot } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { calm } from "./patience.ts"
import { isLong } from "./stretch.ts"

const size = Number(process.env["REDISC_SCAN_KEYS"] ?? (isLong ? 20_000 : 2000))
const moved = Number(process.env["REDISC_SCAN_SLOTS"] ?? (isLong ? 400 : 60))
const count = Math.max(10, Math.round(size / 200))

const keys = Array.from({ length: size }, (_, n) => `key:${n}`)

const fill = Effect.forEach(
  Array.from({ length: Math.ceil(size / 1000) }, (_, n) => keys.slice(n * 1000, (n + 1) * 1000)),
  (some) => Redis.mset(some.map((key) => [key, "1"] as const)),
  { discard: true }
)

type Servers = RealCluster.RealCluster["Service"]
type Servant = { readonly id: string; readonly slots: ReadonlyArray<readonly [number, number]> }

/** Some slots of a node that have keys. */
const slotsOf = ({ slots }: Servant, most: number): ReadonlyArray<number> =>
  [...new Set(keys.map(Slot.fromKey))].filter((slot) => slots.some(([a, b]) => slot >= a && slot <= b)).slice(0, most)

/** Runs an effect when some pages have come, beside the rest of the scan, and reports what was delivered and what was not. */
const scanning = Effect.fnUntraced(function*<E, R>(name: string, after: number, meanwhile: Effect.Effect<void, E, R>) {
  const started = performance.now()
  const seen = new Set<string>()
  let delivered = 0
  let pages = 0
  let work: Fiber.Fiber<void, E> | undefined
  yield* Stream.runForEach(Scan.pages({ count }), (page) =>
    Effect.gen(function*() {
      delivered += page.keys.length
      for (const key of page.keys) seen.add(key)
      if (++pages === after) work = yield* Effect.forkChild(meanwhile, { startImmediately: true })
      // As if each page were worked on for a while, so that things happen in the middle of a round.
      if (work?.pollUnsafe() === undefined) yield* Effect.sleep("2 millis")
    }))
  assert.isDefined(work)
  yield* Fiber.join(work)
  const missing = keys.filter((key) => !seen.has(key))
  const took = Math.round(performance.now() - started)
  yield* Effect.log(
    `${name}: ${size} keys, ${missing.length} missing, ${delivered - size} again, ${pages} pages, ${took} ms`
  )
  assert.deepStrictEqual(missing, [])
})

const isAtomic = ({ kind, version }: Servers) => kind === "valkey" && Number.parseInt(version, 10) >= 9

/** Valkey's own migration: the source sends all of the slots, and hands them over at once. */
const migrateAtomically = Effect.fnUntraced(function*(
  servers: Servers,
  from: Parameters<Servers["command"]>[0],
  to: Servant,
  slots: ReadonlyArray<number>
) {
  for (const slot of slots) {
    yield* servers.command(from, "CLUSTER", ["MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", to.id])
    yield* Effect.repeat(Effect.map(servers.ownerOf(slot), ({ id }) => id === to.id), {
      until: (done) => done,
      schedule: Schedule.spaced("5 millis")
    })
  }
})

const patterns = [
  "*",
  "a*",
  "?",
  "[a-c]*",
  "[^a]*",
  "\\*",
  "a\\",
  "[",
  "[a",
  "*b*",
  "a[]]",
  "[\\]]",
  "\\[*",
  "**",
  "a?c",
  "[c-a]",
  "é*"
]
const names = ["", "a", "b", "ab", "abc", "*", "a*", "]", "[", "[a", "a]", "\\", "a\\", "-", "^", "c", "é", "éa"]

describe("a scan of real servers", () => {
  it.live("misses no key while slots move and nodes change", () =>
    Effect.gen(function*() {
      const servers = yield* RealCluster.RealCluster
      yield* Effect.gen(function*() {
        yield* fill
        const primaries = servers.primaries

        const [, second] = yield* primaries
        yield* scanning(
          "slots to one node, one after the other",
          5,
          Effect.gen(function*() {
            const [one, two, three] = yield* primaries
            const slots = [...slotsOf(one, moved / 2), ...slotsOf(three, moved / 2)]
            yield* servers.migrateSlots({ to: two, slots })
          })
        )
        yield* servers.waitUntilStable

        yield* scanning(
          "away and back",
          5,
          Effect.gen(function*() {
            const [one, two] = yield* primaries
            const slots = slotsOf(one, 5)
            yield* servers.migrateSlots({ to: two, slots })
            yield* servers.migrateSlots({ to: one, slots })
          })
        )
        yield* servers.waitUntilStable

        const [, two] = yield* primaries
        const [open] = slotsOf(two, 1)
        yield* servers.beginMigration(open, (yield* primaries)[2])
        yield* servers.migrateKeys(open, 1)
        yield* scanning("a slot that is open all the time", 1, Effect.void)
        yield* servers.finishMigration(open)
        yield* servers.waitUntilStable

        yield* scanning(
          "a failover",
          5,
          Effect.gen(function*() {
            const owner = (yield* primaries).find(({ id }) => id === second.id)
            assert.isDefined(owner)
            const [replica] = yield* servers.replicasOf(owner)
            yield* servers.failover(replica)
          })
        )
        yield* servers.waitUntilStable

        if (isAtomic(servers)) {
          yield* scanning(
            "atomic migration",
            5,
            Effect.gen(function*() {
              const [one, another] = yield* primaries
              const slots = slotsOf(one, 20)
              yield* migrateAtomically(servers, one, another, slots)
              yield* migrateAtomically(servers, another, one, slots.slice(0, 3))
            })
          )
          yield* servers.waitUntilStable
        }
      }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes: servers.addresses })))
    }).pipe(Effect.provide(RealCluster.layer({ primaries: 3, replicas: 1, nodeTimeout: calm }))), 600_000)

  it.live("goes on in another program, and matches as the servers do", () =>
    Effect.gen(function*() {
      const servers = yield* RealCluster.RealCluster
      const client = NodeRedisCluster.layer({ nodes: servers.addresses })
      const [first, rest] = yield* Effect.gen(function*() {
        yield* fill
        const pages = yield* Stream.runCollect(Stream.take(Scan.pages({ count }), 20))
        const [one, two] = yield* servers.primaries
        yield* servers.migrateSlots({ to: two, slots: slotsOf(one, 5) })
        return [pages.flatMap((page) => page.keys), JSON.stringify(pages.at(-1)?.checkpoint)] as const
      }).pipe(Effect.provide(client))
      yield* Effect.gen(function*() {
        const again = yield* Stream.runCollect(Scan.keys({ checkpoint: JSON.parse(rest) }))
        assert.deepStrictEqual([...new Set([...first, ...again])].toSorted(), keys.toSorted())

        const tagged = names.map((name) => `{t}${name}`)
        yield* Redis.mset(tagged.map((key) => [key, "1"] as const))
        for (const pattern of patterns) {
          const match = `{t}${pattern}`
          const found = yield* Stream.runCollect(Scan.keys({ match }))
          assert.deepStrictEqual(found.toSorted(), (yield* Redis.keys(match)).toSorted(), pattern)
        }
        assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys({ match: "{t}a", type: "STRING" })), ["{t}a"])
        assert.deepStrictEqual(yield* Stream.runCollect(Scan.keys({ match: "{t}a", type: "list" })), [])
      }).pipe(Effect.provide(Layer.fresh(client)))
    }).pipe(Effect.provide(RealCluster.layer({ primaries: 2, nodeTimeout: calm }))))
})

/**
 * The checker of cached reads on real servers. `REDISC_CACHE_ROUNDS` says how often each thing happens to them, 1 by default; hundreds for
 * a soak.
 */
import { assert, it } from "@effect/vitest"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Ledger from "./cacheLedger.ts"
import * as Traffic from "./cacheTraffic.ts"
import { troubles } from "./cacheTroubles.ts"
import { isLong } from "./stretch.ts"

const rounds = Number(process.env["REDISC_CACHE_ROUNDS"] ?? 1)

const clients = 2
const fibersEach = 6

/** How many cached reads go before and after what happens. */
const stretch = isLong ? 4000 : 1000

const reached = (holds: () => boolean) => Effect.repeat(Effect.sleep("10 millis"), { until: holds })

const more = (ledger: Ledger.Ledger) =>
  Effect.suspend(() => {
    const from = ledger.counts.reads
    return reached(() => ledger.counts.reads >= from + stretch)
  })

const work = Effect.fnUntraced(function*(ledger: Ledger.Ledger, client: Traffic.Client) {
  const random = yield* Random.Random
  const below = (limit: number) => Math.floor(random.nextDoubleUnsafe() * limit)
  while (!ledger.stopped) yield* Traffic.act(ledger, client, Traffic.draw(below, 10))
})

it.live("cached reads on real servers are no older than promised, whatever happens", () =>
  Effect.gen(function*() {
    const servers = yield* RealCluster.RealCluster
    const clock = yield* Clock.Clock
    const now = () => clock.currentTimeMillisUnsafe()
    const ledger = Ledger.make({ prefix: "r", registers: 12, clients, now, slack: 50 })
    const team: Array<Traffic.Client> = []
    for (let index = 0; index < clients; index++) {
      const context = yield* Layer.build(
        NodeRedisCluster.layer({ nodes: servers.addresses, connectionsPerNode: 1 + index })
      )
      const client = { index, context }
      Traffic.watch(ledger, client)
      team.push(client)
    }
    const load = yield* Effect.forkChild(Effect.all(
      team.flatMap((client) => Array.from({ length: fibersEach }, () => work(ledger, client))),
      { concurrency: "unbounded", discard: true }
    ))
    yield* more(ledger)
    for (let round = 0; round < rounds; round++) {
      for (const [n, { isLong: onlyLong, loses, name, run }] of troubles.entries()) {
        if (onlyLong && !isLong) continue
        ledger.label = name
        if (loses) Ledger.unrest(ledger)
        yield* run(ledger.registers[(round + n) % ledger.registers.length].slot)
        yield* more(ledger)
        if (loses) Ledger.calm(ledger)
      }
    }
    ledger.label = "nothing more"
    yield* more(ledger)
    ledger.stopped = true
    yield* Fiber.join(load)
    for (const client of team) yield* Traffic.compare(ledger, client)
    const windows = Array.from(ledger.windows, ([name, millis]) => `${name} ${millis} ms`)
    yield* Effect.log(
      `${JSON.stringify(ledger.counts)}, ${yield* Traffic.hits(team)} from caches; seen late by at most: ${
        windows.join(", ")
      }`
    )
    assert.deepStrictEqual(ledger.violations, [])
    assert.isAbove(yield* Traffic.hits(team), stretch)
  }).pipe(
    Effect.scoped,
    Effect.provide(RealCluster.layer({ primaries: 3, replicas: 1, requireFullCoverage: false }))
  ), 60_000 + 120_000 * rounds)

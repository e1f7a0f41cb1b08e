/** Runs of the checker on a cluster in memory: what a seed makes happen, played under virtual time. */
import { RedisCluster } from "@redisc/core"
import { Connector } from "@redisc/core/Connector"
import { FakeCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import type { Happening } from "../fake/model/plan.ts"
import * as Weather from "../fake/model/weather.ts"
import { inTime } from "../fake/time.ts"
import * as Ledger from "./cacheLedger.ts"
import * as Traffic from "./cacheTraffic.ts"

/** What may happen: what the model test lets happen, by which nothing is lost, and what costs data. */
const events = [
  ...["begin", "begin", "moveKeys", "moveKeys", "finish", "moveSlot", "failover", "failover"] as const,
  ...["kill", "killReplica", "restart", "restart", "pause", "resume", "isolate", "split"] as const,
  ...["cutClient", "heal", "heal", "drop", "drop", "drop", "latency", "latency"] as const,
  ...["flush", "flush", "seize", "seize", "seize"] as const
] as const

export interface Event {
  readonly event: (typeof events)[number]
  readonly after: number
  readonly turns: number
  readonly at: number
  readonly how: number
}

export interface Plan {
  readonly seed: number
  readonly version: FakeCluster.VersionName
  readonly connectionsPerNode: number
  readonly latency: number
  /** Of each fiber its client, and what it does. */
  readonly fibers: ReadonlyArray<{ readonly client: number; readonly steps: ReadonlyArray<Traffic.Step> }>
  readonly events: ReadonlyArray<Event>
}

const clients = 2

/** Draws whole numbers below a limit. */
const below = (next: () => number) => (limit: number) => Math.floor(next() * limit)

const mulberry = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const planOf = (seed: number): Plan => {
  const draw = below(mulberry(seed))
  return {
    seed,
    version: draw(2) === 0 ? "7.0" : "8.0",
    connectionsPerNode: 1 + draw(2),
    latency: Math.max(0, draw(200) - 100),
    fibers: Array.from({ length: 3 + draw(4) }, (_, n) => ({
      client: n % clients,
      steps: Array.from({ length: 30 + draw(60) }, () => Traffic.draw(draw, 150))
    })),
    events: Array.from({ length: draw(20) }, () => ({
      event: events[draw(events.length)],
      after: Math.max(0, draw(400) - 50),
      turns: draw(8),
      at: draw(100),
      how: draw(100)
    }))
  }
}

/** Lets the event loop turn. */
const turn = (times: number): Effect.Effect<void> =>
  Effect.promise(() =>
    new Promise<void>((resolve) => {
      let left = times
      const next = (): void => {
        if (left-- <= 0) resolve()
        else setImmediate(next)
      }
      next()
    })
  )

/** In small steps: bytes need turns of the event loop, for which the Clock does not wait. */
const pass = Effect.fnUntraced(function*(millis: number) {
  for (let left = millis; left > 0; left -= 50) {
    yield* TestClock.adjust(Math.min(left, 50))
    yield* turn(8)
  }
})

const connect = Effect.fnUntraced(function*(
  fake: FakeCluster.FakeCluster["Service"],
  connector: Connector["Service"],
  settings: Partial<RedisCluster.Options>
) {
  return yield* Layer.build(
    Layer.provide(
      RedisCluster.layer({ nodes: fake.addresses.map(({ key }) => key), refreshInterval: "1 day", ...settings }),
      Layer.succeed(Connector, connector)
    )
  )
})

/** Ages the test until a fiber has ended. What has not after two minutes never would. */
const ended = Effect.fnUntraced(function*(fiber: Fiber.Fiber<unknown, unknown>, ledger: Ledger.Ledger) {
  for (let second = 0; second < 120 && fiber.pollUnsafe() === undefined; second++) yield* pass(1000)
  if (fiber.pollUnsafe() === undefined) ledger.violations.push("something hangs")
})

/** Gives a slot to another primary without its keys. */
const seize = Effect.fnUntraced(function*(fake: FakeCluster.FakeCluster["Service"], slot: number, how: number) {
  const owner = yield* fake.ownerOf(slot)
  const others = (yield* fake.primaries).filter(({ id, slots }) => id !== owner.id && slots.length > 0)
  const thief = others[how % others.length]
  if (thief === undefined) return
  yield* fake.command(thief, "CLUSTER", ["SETSLOT", slot, "IMPORTING", owner.id])
  yield* fake.command(thief, "CLUSTER", ["SETSLOT", slot, "NODE", thief.id])
})

/** Controls for which a move of a slot may have ended: by the claim of another primary. */
const forgiving = (fake: FakeCluster.FakeCluster["Service"]): FakeCluster.FakeCluster["Service"] => ({
  ...fake,
  beginMigration: (slot, to) => Effect.ignore(fake.beginMigration(slot, to)),
  migrateKeys: (slot, limit) => Effect.orElseSucceed(fake.migrateKeys(slot, limit), () => 0),
  finishMigration: (slot) => Effect.ignore(fake.finishMigration(slot))
})

/** Plays a plan. Answers what the ledger knows in the end. */
export const play = Effect.fnUntraced(function*(plan: Plan) {
  const clock = yield* Clock.Clock
  const { connector, service: fake } = yield* FakeCluster.make({
    primaries: 3,
    replicas: 1,
    version: plan.version,
    seed: plan.seed,
    requireFullCoverage: false
  })
  const ledger = Ledger.make({ prefix: "r", registers: 9, clients, now: () => clock.currentTimeMillisUnsafe() })
  const team: Array<Traffic.Client> = []
  for (let index = 0; index < clients; index++) {
    const context = yield* connect(fake, connector, {
      pingInterval: "2 seconds",
      connectionsPerNode: plan.connectionsPerNode
    })
    const client = { index, context }
    Traffic.watch(ledger, client)
    team.push(client)
  }
  for (const node of yield* fake.nodes) yield* fake.latency(node, plan.latency)
  let time = 0
  const weather = Weather.make({
    fake: forgiving(fake),
    slots: ledger.registers.map(({ slot }) => slot),
    pass,
    time: () => time++
  })

  const happen = Effect.fnUntraced(function*(event: Event) {
    if (event.event !== "flush" && event.event !== "seize") return yield* weather.happen(event as Happening)
    const owners = (yield* fake.primaries).filter(({ slots }) => slots.length > 0)
    const all = yield* fake.nodes
    if (!all.every(({ process }) => process === "running")) return
    Ledger.unrest(ledger)
    const loss = event.event === "flush"
      ? fake.command(owners[event.at % owners.length], "FLUSHALL")
      : seize(fake, ledger.registers[event.at % ledger.registers.length].slot, event.how)
    // A node that is cut off answers nothing.
    yield* inTime(Effect.ignore(Effect.timeoutOption(loss, "500 millis")))
    Ledger.calm(ledger)
  })

  const load = yield* Effect.forkChild(Effect.forEach(
    plan.fibers,
    ({ client, steps }) => Effect.forEach(steps, (step) => Traffic.act(ledger, team[client], step), { discard: true }),
    { concurrency: "unbounded", discard: true }
  ))
  for (const event of plan.events) {
    yield* pass(event.after - 20)
    if (event.after > 0) yield* TestClock.adjust(Math.min(event.after, 20))
    yield* turn(event.turns)
    ledger.label = event.event
    yield* happen(event)
  }
  yield* weather.clear
  yield* ended(load, ledger)
  const last = yield* Effect.forkChild(Effect.forEach(team, (client) => Traffic.compare(ledger, client)))
  yield* ended(last, ledger)
  return { ledger, hits: yield* Traffic.hits(team), log: weather.log }
}, Effect.scoped)

/** Plays the plan of a seed. */
export const run = (seed: number) => Random.withSeed(play(planOf(seed)), seed)

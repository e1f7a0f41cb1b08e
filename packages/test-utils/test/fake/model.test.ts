/**
 * Any interleaving of commands and calamities, through the real client, against a plain model.
 *
 * A run is made of what `model/plan.ts` generates, happens as `model/weather.ts` says, and is judged by `model/history.ts`.
 * A failure names its seed, the smallest plan that was found and a token to replay that. Environment variables:
 *
 * - `REDISC_MODEL_RUNS`: how many plans are tried, 150 by default; thousands for a soak.
 * - `REDISC_MODEL_SEED`: what the plans are drawn from, 1 by default, so that runs repeat; any other for a soak.
 * - `REDISC_MODEL_REPLAY`: the token of a failure.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Command, Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import * as History from "./model/history.ts"
import { keysPerKind, plan } from "./model/plan.ts"
import type { Kind, Plan, Step } from "./model/plan.ts"
import * as Weather from "./model/weather.ts"

const runs = Number(process.env["REDISC_MODEL_RUNS"] ?? 150)
const seed = process.env["REDISC_MODEL_SEED"] ?? "1"
const replay = process.env["REDISC_MODEL_REPLAY"]

/** What each kind of command works on. */
const prefixes: Readonly<Record<Kind, string>> = {
  incr: "count",
  append: "log",
  rpush: "list",
  lrange: "list",
  sadd: "set",
  hincrby: "hash",
  set: "register",
  get: "register",
  del: "register",
  setTemporary: "temporary",
  getTemporary: "temporary",
  expire: "temporary",
  mset: "pair",
  mget: "pair",
  delPair: "pair"
}

const keysOf = (kind: Kind): ReadonlyArray<string> =>
  Array.from({ length: keysPerKind }, (_, index) => `{${prefixes[kind]}:${index}}`)

const everyKey = new Set((Object.keys(prefixes) as ReadonlyArray<Kind>).flatMap(keysOf))

const halves = (key: string): readonly [string, string] => [`${key}a`, `${key}b`]

const command = (kind: Kind, key: string, token: string): Command.Command<unknown> => {
  switch (kind) {
    case "incr":
      return Redis.incr(key)
    case "append":
      return Redis.append(key, token)
    case "rpush":
      return Redis.rpush(key, [token])
    case "lrange":
      return Redis.lrange(key, 0, -1)
    case "sadd":
      return Redis.sadd(key, [token])
    case "hincrby":
      return Redis.hincrby(key, "field", 1)
    case "set":
      return Redis.set(key, token)
    case "get":
    case "getTemporary":
      return Redis.get(key)
    case "del":
      return Redis.del([key])
    case "setTemporary":
      return Redis.set(key, token, { ex: Duration.millis(History.timeToLive) })
    case "expire":
      return Redis.pexpire(key, History.timeToLive)
    case "mset":
      return Redis.mset(halves(key).map((half) => [half, token] as const))
    case "mget":
      return Redis.mget(halves(key))
    case "delPair":
      return Redis.del(halves(key))
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

/** Time for all that can happen at one time of the Clock. */
const settled = turn(8)

/** In small steps: bytes need turns of the event loop, for which the Clock does not wait. */
const pass = Effect.fnUntraced(function*(millis: number) {
  for (let left = millis; left > 0; left -= 50) {
    yield* TestClock.adjust(Math.min(left, 50))
    yield* settled
  }
})

/** Ages the test until a fiber has ended. What has not after two minutes never would. */
const ended = Effect.fnUntraced(function*<A, E>(fiber: Fiber.Fiber<A, E>) {
  for (let second = 0; second < 120 && fiber.pollUnsafe() === undefined; second++) yield* pass(1000)
  assert.isDefined(fiber.pollUnsafe(), "something hangs")
  return yield* Fiber.join(fiber)
})

/** The plan, played. Answers what every fiber was told, and what the keys have in the end. */
const play = Effect.fnUntraced(
  function*({ fibers, happenings, latency }: Plan, log: (lines: ReadonlyArray<string>) => void) {
    const fake = yield* FakeCluster.FakeCluster
    const clock = yield* Clock.Clock
    const told: Array<History.Told> = []
    let time = 0
    let tokens = 0
    const slots = Array.from(everyKey, (key) => fake.slotOf(key))
    const weather = Weather.make({ fake, slots, pass, time: () => time++ })
    log(weather.log)
    for (const node of yield* fake.nodes) yield* fake.latency(node, latency)
    for (const key of keysOf("incr")) yield* fake.seed({ [key]: History.base(key) })
    for (const key of keysOf("hincrby")) yield* fake.seed({ [key]: new Map([["field", `${History.base(key)}`]]) })

    const act = Effect.fnUntraced(function*({ key: index, kind, patience, pause }: Step) {
      if (pause > 0) yield* Effect.sleep(pause)
      const key = keysOf(kind)[index]
      const token = `${String(tokens++).padStart(4, "0")}@${key};`
      const attempt = Effect.match(command(kind, key, token), {
        onSuccess: (value): History.Outcome => ({ _tag: "Done", value }),
        onFailure: (error): History.Outcome => ({ _tag: "Failed", error })
      })
      const start = time++
      const startedAt = clock.currentTimeMillisUnsafe()
      const outcome = patience === 0
        ? yield* attempt
        : yield* Effect.timeoutOrElse(attempt, {
          duration: patience,
          orElse: () => Effect.succeed<History.Outcome>({ _tag: "Interrupted" })
        })
      told.push({
        kind,
        key,
        token,
        start,
        end: time++,
        startedAt,
        endedAt: clock.currentTimeMillisUnsafe(),
        outcome
      })
    })

    const load = yield* Effect.forkChild(Effect.forEach(
      fibers,
      (steps) => Effect.forEach(steps, act, { discard: true }),
      { concurrency: "unbounded", discard: true }
    ))
    for (const happening of happenings) {
      const { after, turns } = happening
      yield* pass(after - 20)
      if (after > 0) yield* TestClock.adjust(Math.min(after, 20))
      yield* turn(turns)
      yield* weather.happen(happening)
    }
    yield* weather.clear
    yield* ended(load)

    const looks = (["get", "getTemporary", "mget"] as const).flatMap((kind) =>
      keysOf(kind).map((_, key): Step => ({ kind, key, pause: 0, patience: 0 }))
    )
    const look = <A>(kind: Kind, read: (key: string) => Command.Command<A>) =>
      Effect.forEach(keysOf(kind), (key) => Effect.map(read(key), (value) => [key, value] as const))
    const last = yield* Effect.forkChild(Effect.gen(function*() {
      yield* Effect.forEach(looks, act, { discard: true })
      return {
        counters: yield* look("incr", Redis.get),
        fields: yield* look("hincrby", (key) => Redis.hget(key, "field")),
        logs: yield* look("append", Redis.get),
        lists: yield* look("rpush", (key) => Redis.lrange(key, 0, -1)),
        sets: yield* look("sadd", Redis.smembers)
      }
    }))
    const stored = yield* fake.keys()
    return { told, last: yield* ended(last), stored, disturbed: weather.disturbed }
  }
)

type Played = Effect.Success<ReturnType<typeof play>>

const judge = ({ disturbed, last, stored, told }: Played): void => {
  const of = (kind: Kind, key: string) => told.filter((each) => each.kind === kind && each.key === key)
  assert.strictEqual(new Set(stored).size, stored.length, `a key is with two primaries: ${stored.join(" ")}`)
  History.checkFailures(told, disturbed)
  for (const [key, value] of last.counters) History.checkCounter(key, of("incr", key), Number(value))
  for (const [key, value] of last.fields) History.checkCounter(key, of("hincrby", key), Number(value))
  for (const [key, value] of last.logs) {
    const writes = of("append", key)
    const unit = writes[0]?.token.length ?? 1
    History.checkSequence(key, writes, value?.match(new RegExp(`.{1,${unit}}`, "g")) ?? [], unit)
  }
  for (const [key, tokens] of last.lists) {
    History.checkSequence(key, of("rpush", key), tokens, 1)
    History.checkPrefixes(of("lrange", key), of("rpush", key), tokens)
  }
  for (const [key, members] of last.sets) History.checkSet(key, of("sadd", key), members)
  for (const key of keysOf("get")) {
    History.checkRegister(of("get", key), of("set", key), of("del", key), (value) => value as string | null)
  }
  for (const key of keysOf("mget")) {
    History.checkRegister(of("mget", key), of("mset", key), of("delPair", key), (value) => {
      const [a, b] = value as ReadonlyArray<string | null>
      assert.strictEqual(a, b, `${key} was read in two states`)
      return a
    })
  }
  for (const key of keysOf("getTemporary")) {
    History.checkTemporary(of("getTemporary", key), of("setTemporary", key), of("expire", key))
  }
}

describe("the client on the simulated cluster", () => {
  it.effect.prop("does what a plain model does, whatever happens", { plan }, ({ plan }) => {
    let log: ReadonlyArray<string> = []
    return play(plan, (lines) => {
      log = lines
    }).pipe(
      Effect.map(judge),
      Effect.provide(FakeCluster.layer({
        primaries: 3,
        replicas: 1,
        seed: plan.seed,
        requireFullCoverage: plan.fullCoverage,
        client: { pingInterval: "2 seconds", connectionsPerNode: plan.connectionsPerNode }
      })),
      Random.withSeed(plan.seed),
      Effect.catchDefect((defect) => {
        const problem = defect instanceof Error ? defect.message : String(defect)
        return Effect.die(new Error(`${problem}\nWhat happened:\n${log.join("\n")}`, { cause: defect }))
      })
    )
  }, { timeout: 600_000, arbitrary: { runs, seed, size: 60, ...(replay === undefined ? {} : { replay }) } })
})

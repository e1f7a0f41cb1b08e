/**
 * Commands with keys of many slots against a plain map, in a seeded order: alone and in pipelines, while slots move, and while parts
 * of them fail. Environment variables: `REDISC_SPLIT_SEED` (1 by default) and `REDISC_SPLIT_STEPS` (400 by default).
 */
import { assert, describe, it } from "@effect/vitest"
import { Command, ReadFrom, RedirectPolicy, Redis } from "@redisc/core"
import type { RedisError } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { inTime, turn } from "./time.ts"

const seed = process.env["REDISC_SPLIT_SEED"] ?? "1"
const steps = Number(process.env["REDISC_SPLIT_STEPS"] ?? 400)

/** Some have slots of their own, others share one. */
const pool = Array.from({ length: 40 }, (_, n) => n < 28 ? `key:${n}` : `{tag:${n % 3}}:${n}`)

type Model = Map<string, string>

/** A command, and what it does to a model, or to that part of it that has only some of the keys. */
interface Step {
  readonly command: Command.Command<unknown>
  readonly apply: (model: Model, includes?: (key: string) => boolean) => unknown
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const textOf = (key: Command.Arg): string => typeof key === "string" ? key : decoder.decode(key)

let counter = 0

const pick = <A>(items: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, items.length, { halfOpen: true }), (index) => items[index])

const someKeys = Effect.gen(function*() {
  const count = yield* Random.nextIntBetween(1, 16)
  return yield* Effect.replicateEffect(pick(pool), count)
})

/** Text and bytes name the same key. */
const sent = (keys: ReadonlyArray<string>): ReadonlyArray<Command.Arg> =>
  keys.map((key, n) => n % 3 === 2 ? encoder.encode(key) : key)

const step: Effect.Effect<Step> = Effect.gen(function*() {
  const keys = yield* someKeys
  const args = sent(keys)
  const remove = (model: Model, includes = (_key: string) => true) =>
    keys.filter((key) => includes(key) && model.delete(key)).length
  const count = (model: Model) => keys.filter((key) => model.has(key)).length
  const kinds: ReadonlyArray<() => Step> = [
    () => ({ command: Redis.mget(args), apply: (model) => keys.map((key) => model.get(key) ?? null) }),
    () => {
      const entries = args.map((key) => [key, `value:${counter++}`] as const)
      return {
        command: Redis.mset(entries),
        apply: (model, includes = () => true) => {
          for (const [key, value] of entries) if (includes(textOf(key))) model.set(textOf(key), value)
          return "OK"
        }
      }
    },
    () => ({ command: Redis.del(args), apply: remove }),
    () => ({ command: Redis.unlink(args), apply: remove }),
    () => ({ command: Redis.exists(args), apply: count }),
    () => ({ command: Redis.touch(args), apply: count }),
    () => ({ command: Redis.get(args[0]), apply: (model) => model.get(keys[0]) ?? null }),
    () => {
      const value = `value:${counter++}`
      return {
        command: Redis.set(args[0], value),
        apply: (model, includes = () => true) => {
          if (includes(keys[0])) model.set(keys[0], value)
          return "OK"
        }
      }
    }
  ]
  return (yield* pick([kinds[1], ...kinds]))()
})

/** Moves a slot that has keys, whole or halfway, or ends what was begun. */
const weather = (moving: Set<number>) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const slot = fake.slotOf(yield* pick(pool))
    if (moving.has(slot)) {
      if (yield* Random.nextBoolean) return void (yield* fake.migrateKeys(slot, 1))
      moving.delete(slot)
      return yield* fake.finishMigration(slot)
    }
    const owner = yield* fake.ownerOf(slot)
    const to = yield* pick((yield* fake.primaries).filter(({ name }) => name !== owner.name))
    if (yield* Random.nextBoolean) return yield* fake.migrateSlot(slot, to)
    moving.add(slot)
    yield* fake.beginMigration(slot, to)
  })

/** A read of two keys of a slot halfway would be told TRYAGAIN until the slot has arrived, so what waits is helped. */
const arriving = (moving: Set<number>) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    for (const slot of moving) yield* fake.finishMigration(slot)
    moving.clear()
  })

const valuesOf = (model: Model) => pool.map((key) => model.get(key) ?? null)

describe(`commands with keys of many slots (seed ${seed})`, () => {
  it.effect(
    "do to moving slots what they would do to a plain map, alone and in pipelines",
    () =>
      Effect.gen(function*() {
        const model: Model = new Map()
        const moving = new Set<number>()
        for (let n = 0; n < steps; n++) {
          if (n % 3 === 0) yield* weather(moving)
          const several = yield* Effect.replicateEffect(step, yield* Random.nextIntBetween(1, 5))
          const commands = several.map(({ command }) => command)
          const work: Effect.Effect<ReadonlyArray<Result.Result<unknown, RedisError.RedisError>>, never, Redis.Redis> =
            commands.length === 1
              ? Effect.map(Effect.result(commands[0]), (result) => [result])
              : Redis.pipeline(commands, { mode: "result" })
          const [results] = yield* inTime(
            Effect.all([work, Effect.andThen(turn, arriving(moving))], { concurrency: 2 })
          )
          for (let i = 0; i < several.length; i++) {
            const { apply, command } = several[i]
            const result = results[i]
            if (Result.isSuccess(result)) {
              assert.deepStrictEqual(result.success, apply(model), `step ${n}`)
              continue
            }
            // Of keys of one slot halfway, a later command was executed, and this was not.
            assert.isTrue(result.failure.overtaken, result.failure.message)
            for (const { delivery, keys = [], reason } of result.failure.parts ?? []) {
              assert.strictEqual(delivery, reason === undefined ? "Executed" : "Rejected")
              if (reason === undefined) apply(model, (key) => keys.map(textOf).includes(key))
            }
            assert.isAbove(Command.keys(command).length, 1)
          }
        }
        assert.deepStrictEqual(yield* inTime(Redis.mget(pool)), valuesOf(model))
      }).pipe(Random.withSeed(`moves ${seed}`), Effect.provide(FakeCluster.layer()))
  )

  it.effect(
    "report of each part what became of it: those that were not executed changed nothing, and those that were done are there",
    () =>
      Effect.gen(function*() {
        const fake = yield* FakeCluster.FakeCluster
        const model: Model = new Map()
        const deliveries = new Map<string, number>()
        const oom = "OOM command not allowed when used memory > 'maxmemory'."
        for (let n = 0; n < steps; n++) {
          const { apply, command } = yield* step
          const node = yield* pick(yield* fake.primaries)
          const trouble = yield* pick(["refuse", "drop", "drop later", "move", "nothing"] as const)
          let isRefused = trouble === "refuse"
          yield* fake.reply(node, ([name]) => isRefused && name === command.spec.name, oom)
          if (trouble === "drop") yield* fake.dropConnections(node)
          if (trouble === "drop later") {
            yield* fake.dropConnections(node, { afterBytes: yield* Random.nextIntBetween(0, 40) })
          }
          if (trouble === "move") yield* fake.migrateSlot(fake.slotOf(yield* pick(pool)), node)
          const patient = yield* Random.nextBoolean
          const work = patient ? command : command.pipe(RedirectPolicy.provide(RedirectPolicy.none))
          const result = yield* inTime(Effect.result(work))
          isRefused = false
          const before = new Map(model)
          if (Result.isSuccess(result)) {
            assert.deepStrictEqual(result.success, apply(model))
            continue
          }
          const parts: ReadonlyArray<RedisError.Part> = result.failure.parts ?? [{ ...result.failure, keys: pool }]
          for (const { delivery, keys = [], reason } of parts) {
            const what = reason === undefined ? "done" : delivery
            deliveries.set(what, (deliveries.get(what) ?? 0) + 1)
            const names = new Set(keys.map(textOf))
            const includes = (key: string) => names.has(key)
            if (delivery === "NotSent" || delivery === "Rejected") continue
            const after = new Map(before)
            apply(after, includes)
            const of = (state: Model) => Array.from(names, (key) => state.get(key) ?? null)
            const values = yield* inTime(Redis.pipeline(Array.from(names, (key) => Redis.get(key))))
            const is = (state: Model) => `${values}` === `${of(state)}`
            assert.isTrue(is(after) || (reason !== undefined && is(before)), `${command.spec.name}, ${what}: ${values}`)
            if (is(after)) apply(model, includes)
          }
        }
        // Whatever was not executed, or may have been, is as the model has it.
        assert.deepStrictEqual(yield* inTime(Redis.mget(pool)), valuesOf(model))
        assert.includeMembers([...deliveries.keys()], ["done", "Rejected", "MaybeExecuted"])
      }).pipe(Random.withSeed(`faults ${seed}`), Effect.provide(FakeCluster.layer()))
  )

  it.effect("are read from replicas as their region says, each part from one of its shard", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* fake.seed(Object.fromEntries(pool.map((key) => [key, `value of ${key}`])))
      const read = ReadFrom.provide(Redis.mget(pool), "replica")
      yield* inTime(read)
      // By now the replicas have told that they are fit.
      yield* inTime(Effect.sleep("2 seconds"))
      assert.deepStrictEqual(yield* inTime(read), pool.map((key) => `value of ${key}`))
      const counts = yield* Effect.forEach(
        yield* fake.nodes,
        ({ name, role }) =>
          Effect.map(fake.journal(name), (journal) => [role, journal.some(({ command }) => command[0] === "MGET")])
      )
      assert.deepStrictEqual(counts.filter(([role]) => role === "primary").map(([, read]) => read), [
        false,
        false,
        false
      ])
      assert.deepStrictEqual(counts.filter(([role]) => role === "replica").map(([, read]) => read), [true, true, true])
    }).pipe(Effect.provide(FakeCluster.layer({ replicas: 1 }))))
})

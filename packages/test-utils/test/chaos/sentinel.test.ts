/** Programs on a real Sentinel group while its servers and sentinels fail. */
import { assert, describe, layer } from "@effect/vitest"
import { RedirectPolicy, Redis } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { RealSentinel } from "../../src/index.ts"
import * as Trials from "./sentinelTrials.ts"
import { whenLong } from "./stretch.ts"

const group = RealSentinel.RealSentinel
const now = Effect.map(Clock.Clock, (clock) => clock.currentTimeMillisUnsafe())

const killsPrimary = ({ primary }: Trials.Trial) => Effect.flatMap(group, ({ kill }) => kill(primary))
const freezesPrimary = ({ primary }: Trials.Trial) => Effect.flatMap(group, ({ pause }) => pause(primary))

const stands = Effect.flatMap(group, ({ waitUntilStable }) => waitUntilStable)

/** A primary that was replaced comes back as one, until the sentinels make it a replica. */
const comesBack = ({ primary }: Trials.Trial) =>
  Effect.andThen(Effect.flatMap(group, ({ restart }) => restart(primary)), stands)

const thaws = ({ primary }: Trials.Trial) =>
  Effect.andThen(Effect.flatMap(group, ({ resume }) => resume(primary)), stands)

const options = { excludeTestServices: true } as const

// Sentinels that starve on a busy machine take a server for dead that is not, and switch once more.
layer(RealSentinel.layer({ replicas: 2, downAfter: "2 seconds" }), options)((it) => {
  describe("on a Sentinel group nothing is doubled, out of order, unheard without a word, or lost beyond what servers lose", () => {
    it.effect("in a planned failover", () =>
      Trials.switching(
        "planned",
        () => Effect.flatMap(group, ({ failover }) => failover),
        () => stands
      ))

    it.effect(
      "when the primary is killed, and comes back empty, as a primary",
      () => Trials.switching("killed", killsPrimary, comesBack)
    )

    whenLong(it.effect)(
      "when the primary freezes, and thaws once it has been replaced",
      () => Trials.switching("frozen", freezesPrimary, thaws)
    )

    whenLong(it.effect)("when the primary thaws in the moment in which it is replaced", () =>
      Trials.switching(
        "thawed",
        (trial) =>
          Effect.gen(function*() {
            const { pause, resume } = yield* group
            yield* pause(trial.primary)
            yield* Trials.until(() => trial.switches.length > 0)
            yield* resume(trial.primary)
          }),
        () => stands
      ))

    whenLong(it.effect)("when the primary is killed while one sentinel is frozen", () =>
      Effect.gen(function*() {
        const { pause, resume, sentinels } = yield* group
        yield* Trials.switching(
          "one sentinel frozen",
          (trial) => Effect.andThen(pause(sentinels[0]), killsPrimary(trial)),
          (trial) => Effect.andThen(resume(sentinels[0]), comesBack(trial))
        )
      }))
  })

  whenLong(describe)("on a Sentinel group", () => {
    it.effect(
      "clients that start while the primary is down fail soon, and succeed once it is replaced",
      () =>
        Effect.gen(function*() {
          const servers = yield* group
          yield* servers.waitUntilStable
          const primary = yield* servers.primary
          yield* servers.kill(primary)
          let slowest = 0
          let failures = 0
          const begin = Effect.gen(function*() {
            const begunAt = yield* now
            const built = yield* Effect.result(Layer.build(Trials.clientOf(servers)))
            slowest = Math.max(slowest, (yield* now) - begunAt)
            return yield* Effect.fromResult(built)
          })
          const started = Effect.gen(function*() {
            const context = yield* Effect.retry(begin, {
              schedule: Schedule.spaced("100 millis"),
              while: ({ delivery, reason }) => {
                failures++
                return delivery === "NotSent" && reason._tag === "DiscoveryFailed" && reason.wanted === "primary"
              }
            })
            yield* Effect.provide(Redis.incr("started"), context)
            return yield* now
          }).pipe(Effect.scoped)
          const clients = yield* Effect.forkChild(
            Effect.forEach(Array.from({ length: 10 }), () => started, { concurrency: "unbounded" })
          )
          yield* servers.awaitSwitch(primary)
          const switchedAt = yield* now
          const last = Math.max(...yield* Fiber.join(clients))
          yield* Effect.log(
            `${failures} starts failed, the slowest took ${slowest} ms; all have begun ${
              last - switchedAt
            } ms after the switch`
          )
          assert.isAbove(failures, 0)
          assert.isBelow(slowest, 10_000)
          assert.isBelow(last - switchedAt, 10_000)
          const heir = Trials.clientOf(servers)
          assert.strictEqual(yield* Effect.provide(Redis.get("started"), heir), "10")
          yield* servers.restart(primary)
        })
    )

    it.effect(
      "no read fails, or misses what is there, while replicas are killed, frozen and restarted",
      () =>
        Effect.gen(function*() {
          const servers = yield* group
          yield* servers.waitUntilStable
          yield* Effect.gen(function*() {
            const keys = Array.from({ length: 50 }, (_, n) => `read:${n}`)
            yield* Redis.mset(Object.fromEntries(keys.map((key) => [key, key])))
            yield* servers.command(yield* servers.primary, "WAIT", [2, 5000])
            let reads = 0
            const wrong: Array<string> = []
            const read = Effect.suspend(() => {
              const key = keys[reads++ % keys.length]
              return Effect.match(Redis.get(key), {
                onSuccess: (value) => value === key ? undefined : wrong.push(`${key} is ${value}`),
                onFailure: ({ message }) => wrong.push(message)
              })
            })
            const readers = yield* Effect.forkChild(
              Effect.forEach([1, 2, 3, 4], () => Effect.forever(read), { concurrency: "unbounded" })
            )
            const more = Effect.suspend(() => {
              const from = reads
              return Trials.until(() => reads > from + 2000)
            })
            yield* more
            for (const replica of yield* servers.replicas) {
              yield* servers.kill(replica)
              yield* more
              yield* servers.restart(replica)
              yield* more
              yield* servers.waitUntilStable
              yield* servers.pause(replica)
              yield* more
              yield* servers.resume(replica)
              yield* servers.waitUntilStable
              yield* more
            }
            yield* Fiber.interrupt(readers)
            assert.deepStrictEqual(wrong, [])
            yield* Effect.log(`${reads} reads`)
          }).pipe(Effect.provide(Trials.clientOf(servers, { readFrom: "preferReplica" })))
        })
    )
  })
})

const impatient = RedirectPolicy.make(Schedule.spaced("20 millis"), { within: "300 millis" })

/** What a server acknowledged is in its file, and there again when it restarts. */
const durable = RealSentinel.layer({ replicas: 1, downAfter: "10 seconds", config: { appendonly: "yes" } })

whenLong(layer(durable, options))("on a Sentinel group nothing at all is lost or doubled", (it) => {
  it.effect(
    "when the primary restarts before the sentinels find it down",
    () => Trials.enduring("restarted", ({ primary }) => Effect.flatMap(group, ({ restart }) => restart(primary)))
  )

  it.effect(
    "when the primary is killed while two of three sentinels are: commands wait as long as their policies say, and go on once it is back",
    () =>
      Trials.enduring("two sentinels dead", ({ primary }) =>
        Effect.gen(function*() {
          const { kill, restart, sentinels } = yield* group
          yield* Effect.forEach(sentinels.slice(0, 2), kill)
          yield* kill(primary)
          // The client may not have heard of it yet. A read that is lost with the connection is asked again.
          yield* Effect.result(RedirectPolicy.provide(Redis.get("probe"), impatient))
          const begunAt = yield* now
          for (let n = 0; n < 5; n++) {
            const outcome = yield* Effect.result(RedirectPolicy.provide(Redis.incr("probe"), impatient))
            if (Result.isSuccess(outcome)) return assert.fail("a dead primary has answered")
            assert.strictEqual(outcome.failure.delivery, "NotSent", outcome.failure.message)
          }
          assert.isBelow((yield* now) - begunAt, 10_000)
          yield* restart(primary)
          yield* Effect.forEach(sentinels.slice(0, 2), restart)
        }))
  )
})

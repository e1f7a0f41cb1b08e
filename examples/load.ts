/**
 * Reads and writes without end, what came of them, and a line that shows how it goes.
 */
import { Redis, RedisCluster } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** Something that happens to the cluster while it is under load. */
export interface Happening<E = never> {
  readonly what: string
  readonly effect: Effect.Effect<void, E>
}

interface Tally {
  doing: string
  commands: number
  slowestMillis: number
  readonly errors: Array<Redis.RedisError>
  /** Increments that were acknowledged, by key. */
  readonly acknowledged: Map<string, number>
  stopped: boolean
}

const fibers = 32
const keys = Array.from({ length: 300 }, (_, n) => `counter:${n}`)

export const say = (text: string): Effect.Effect<void> => Effect.sync(() => console.log(text))

/** Each fiber does one command after the other: an increment, then three reads. */
const reader = Effect.fnUntraced(function*(tally: Tally, start: number) {
  const clock = yield* Clock.Clock
  for (let n = start; !tally.stopped; n++) {
    const key = keys[n % keys.length]
    const increments = n % 4 === 0
    const before = clock.currentTimeMillisUnsafe()
    yield* Effect.match(increments ? Effect.asVoid(Redis.incr(key)) : Effect.asVoid(Redis.get(key)), {
      onSuccess: () => {
        if (increments) tally.acknowledged.set(key, (tally.acknowledged.get(key) ?? 0) + 1)
      },
      onFailure: (error) => {
        tally.errors.push(error)
      }
    })
    tally.commands++
    tally.slowestMillis = Math.max(tally.slowestMillis, clock.currentTimeMillisUnsafe() - before)
  }
})

/** The line that shows what goes on: rewritten in place on a terminal, once a second elsewhere. */
const progress = Effect.fnUntraced(function*(tally: Tally) {
  const cluster = yield* RedisCluster.RedisCluster
  const live = process.stdout.isTTY
  let before = 0
  while (true) {
    yield* Effect.sleep(live ? "200 millis" : "1 second")
    const { redirects, refreshes } = yield* cluster.stats
    const perSecond = (tally.commands - before) * (live ? 5 : 1)
    before = tally.commands
    const line = `  ${tally.doing}: ${tally.commands} commands (${perSecond}/s), ${redirects} redirects followed, ` +
      `${refreshes} refreshes, slowest ${tally.slowestMillis} ms, ${tally.errors.length} errors`
    process.stdout.write(live ? `\r\x1b[K${line}` : `${line}\n`)
  }
})

const summary = Effect.fnUntraced(function*(tally: Tally, before: ReadonlyMap<string, number>) {
  const { redirects, refreshes, retries } = yield* Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)
  let increments = 0
  let missing = 0
  for (const [key, count] of tally.acknowledged) {
    const value = Number(yield* Redis.get(key)) - before.get(key)!
    increments += count
    missing += Math.max(0, count - value)
  }
  yield* say(`

What happened:
  commands            ${tally.commands}
  redirects followed  ${redirects}, and ${retries} further tries for other reasons
  refreshes           ${refreshes}
  slowest command     ${tally.slowestMillis} ms
  errors seen         ${tally.errors.length}
  increments          ${increments} acknowledged, ${missing} of them missing`)
  for (const error of tally.errors.slice(0, 3)) yield* say(`  ${error.message}`)
})

/** Keeps the load up while one thing after the other happens, and says what came of it. */
export const during = Effect.fnUntraced(function*<E>(happenings: ReadonlyArray<Happening<E>>) {
  const tally: Tally = {
    doing: "steady",
    commands: 0,
    slowestMillis: 0,
    errors: [],
    acknowledged: new Map(),
    stopped: false
  }
  yield* say(`\n${fibers} fibers read and write ${keys.length} keys:`)
  const before = new Map<string, number>()
  for (const key of keys) before.set(key, Number(yield* Redis.get(key)))
  const starts = Array.from({ length: fibers }, (_, n) => n * 7)
  const load = yield* Effect.forkChild(
    Effect.forEach(starts, (start) => reader(tally, start), { concurrency: "unbounded", discard: true })
  )
  const line = yield* Effect.forkChild(progress(tally))
  yield* Effect.sleep("2 seconds")
  for (const { effect, what } of happenings) {
    tally.doing = what
    yield* effect
    tally.doing = "steady"
    yield* Effect.sleep("1200 millis")
  }
  tally.stopped = true
  yield* Fiber.join(load)
  yield* Fiber.interrupt(line)
  yield* summary(tally, before)
})

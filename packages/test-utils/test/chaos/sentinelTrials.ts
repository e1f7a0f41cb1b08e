/**
 * What programs of all kinds see when something is done to a Sentinel group: appends at a fixed rate, optimistic updates and
 * subscribers, each with its ledger. The judge reads with a client of its own.
 */
import { assert } from "@effect/vitest"
import { RedisCluster, Topology } from "@redisc/core"
import type { RedisError, SlotMap } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { RealSentinel } from "../../src/index.ts"
import * as Appends from "./appends.ts"
import * as Broadcasts from "./broadcasts.ts"
import * as Switches from "./switches.ts"
import * as Updates from "./updates.ts"

type Group = RealSentinel.RealSentinel["Service"]

// Sentinels that starve on a busy machine take longer to answer than the second that they have.
export const clientOf = ({ addresses, name }: Group, options?: RedisCluster.SourceOptions) =>
  Layer.provide(
    RedisCluster.layerFromSource(Topology.sentinel({ name, sentinels: addresses, timeout: "5 seconds" }), options),
    NodeConnector.layer()
  )

/** Numbers a second. */
const rate = 1000

const everything = () => true

type Services = RealSentinel.RealSentinel | RedisCluster.Services

export interface Trial {
  readonly primary: RealSentinel.ServerNode
  /** Waits until all programs go on. */
  readonly goesOn: Effect.Effect<void>
  /** When the client went to another primary. */
  readonly moves: ReadonlyArray<number>
  /** What the sentinels have told so far. */
  readonly switches: ReadonlyArray<Switches.Switch>
}

export const until = (isDone: () => boolean) =>
  Effect.repeat(Effect.sync(isDone), { until: (done) => done, schedule: Schedule.spaced("2 millis") })

type Doing = (trial: Trial) => Effect.Effect<unknown, RedisError.RedisError | RealSentinel.RealClusterError, Services>

/** What had been lost on the way may have been executed. Nothing else fails while commands wait. */
const assertLostOnTheWay = ({ delivery, message }: { readonly delivery: string; readonly message: string }): void =>
  assert.strictEqual(delivery, "MaybeExecuted", message)

/** Notes when the client goes to another primary, for as long as the scope is open. */
const watchClient = Effect.fnUntraced(function*(onMove: (at: number) => void) {
  const { changes, current } = yield* Topology.Topology
  const clock = yield* Clock.Clock
  const keyOf = (map: SlotMap.SlotMap) => map.shards[0].primary?.address.key
  let key = keyOf(yield* current)
  const look = Effect.map(current, (map) => {
    const now = keyOf(map)
    if (now !== key) onMove(clock.currentTimeMillisUnsafe())
    key = now
  })
  yield* Effect.forkScoped(Stream.runForEach(changes, () => look), { startImmediately: true })
})

/** Runs the programs, and what is done meanwhile, and judges what they were told. */
const judged = Effect.fnUntraced(function*(prefix: string, doing: Doing) {
  const group = yield* RealSentinel.RealSentinel
  yield* group.waitUntilStable
  const primary = yield* group.primary
  const switches = yield* Switches.listen(group.sentinels)
  const appends = Appends.makeLedger(`${prefix}:appends`, 20)
  const updates = Updates.makeLedger(`${prefix}:updates`, 6)
  const broadcasts = Broadcasts.makeLedger(3)
  const goesOn = Effect.all([
    Appends.awaitMore(appends, rate / 2),
    Updates.awaitMore(updates, 30),
    Broadcasts.awaitLive(broadcasts.channels.values())
  ], { concurrency: "unbounded", discard: true })
  const moves: Array<number> = []
  /** From this update on the client has known who is the primary in the end. */
  let firstSafe = 0
  yield* Effect.gen(function*() {
    yield* watchClient((at) => {
      moves.push(at)
      appends.disturbances++
      firstSafe = updates.updates
    })
    yield* Broadcasts.listen(broadcasts)
    const publishing = yield* Effect.forkChild(Broadcasts.run(broadcasts))
    const appending = yield* Effect.forkChild(Appends.run(appends, rate))
    const happening = Effect.gen(function*() {
      yield* goesOn
      yield* Appends.confirm(appends, everything, (yield* group.replicas).length)
      yield* doing({ primary, goesOn, moves, switches })
    })
    yield* Updates.during(updates, happening, { fibers: 4 })
    appends.stopped = true
    broadcasts.stopped = true
    yield* Fiber.join(appending)
    yield* Fiber.join(publishing)
  }).pipe(Effect.scoped, Effect.provide(clientOf(group)))

  for (const { error } of Appends.errors(appends)) assertLostOnTheWay(error)
  for (const { outcome } of Updates.errors(updates)) assertLostOnTheWay(outcome)
  const lost = yield* Effect.all({
    appends: Appends.verify(appends, everything),
    updates: Updates.verify(updates, ({ update }) => update < firstSafe)
  }).pipe(Effect.provide(clientOf(group)))
  const heard = Broadcasts.verify(broadcasts)
  const appended = appends.lists.reduce((sum, { told }) => sum + told.length, 0)
  const report = [
    `longest pause of appends ${Appends.longestPause(appends)} ms`,
    `${Appends.errors(appends).length} of ${appended} appends and ` +
    `${Updates.errors(updates).length} of ${updates.told.length} updates may have been executed`,
    `lost by the servers: ${lost.appends} appends, ${lost.updates.length} updates`,
    `${heard.missing} of ${heard.published} messages missing, ${heard.doubled} twice, ${heard.gaps} gaps told`
  ]
  return { report: report.join("; "), appends, moves, switches }
}, Effect.scoped)

/**
 * The programs while another server becomes the primary. What was begun after the client knew of it is not lost, and what
 * replicas had confirmed before neither; nor is anything doubled, or out of order, or unheard without a word.
 */
export const switching = Effect.fnUntraced(function*(prefix: string, disturb: Doing, afterwards: Doing) {
  const { appends, moves, report, switches } = yield* judged(prefix, (trial) =>
    Effect.gen(function*() {
      yield* disturb(trial)
      yield* until(() => trial.moves.length > 0)
      yield* trial.goesOn
      yield* afterwards(trial)
      yield* trial.goesOn
    }))
  const switchedAt = Math.min(...switches.map(({ at }) => at))
  const servedAt = Appends.firstAfter(appends, Math.min(moves[0], switchedAt)) ?? NaN
  yield* Effect.log(
    `${prefix}: after +switch-master known within ${moves[0] - switchedAt} ms, acknowledged within ` +
      `${servedAt - switchedAt} ms; ${switches.length} messages of ${moves.length} switches; ${report}`
  )
  // Far above what is usual, as machines are busy.
  assert.isBelow(servedAt - switchedAt, 10_000)
})

/** The programs while no other server becomes the primary, and the one that is loses nothing: nothing at all is lost. */
export const enduring = Effect.fnUntraced(function*(prefix: string, disturb: Doing) {
  const { moves, report } = yield* judged(prefix, (trial) => Effect.andThen(disturb(trial), trial.goesOn))
  assert.deepStrictEqual(moves, [])
  yield* Effect.log(`${prefix}: ${report}`)
})

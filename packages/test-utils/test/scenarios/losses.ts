/** A reply that something on the way loses: who is given another's, for how long, and that all is right afterwards. */
import { assert } from "@effect/vitest"
import { Command, Connector, PubSub, ReadFrom, Redis, RedisCluster, Session } from "@redisc/core"
import type { Address } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { Cluster, scenario } from "./Cluster.ts"

const pingInterval = 300

/** A PING is sent after the interval, at the next look at the connection, and then there is a machine that is busy. */
const bound = 2 * pingInterval + 3500

const keyOf = (n: number) => `{losses}:${n}`
const victim = "{losses}:victim"
const marked = "this reply is lost"
const ofVictim = /\$18\r\nthis reply is lost\r\n/

/** A client over a connector that loses one whole reply that looks so, the first once the keys are stored. */
const losing = Effect.fnUntraced(function*(reply: RegExp) {
  const { addresses, connector } = yield* Cluster
  const state = { armed: false, lostAt: 0 }
  const clock = yield* Clock.Clock
  const over = ({ onClose, onData, onDrain }: Connector.Listener): Connector.Listener => ({
    onClose,
    onDrain,
    onData: (chunk) => {
      const text = state.armed ? Buffer.from(chunk).toString("latin1") : ""
      if (!reply.test(text)) return onData(chunk)
      state.armed = false
      state.lostAt = clock.currentTimeMillisUnsafe()
      const rest = Buffer.from(text.replace(reply, ""), "latin1")
      if (rest.length > 0) onData(rest)
    }
  })
  const lossy = Connector.Connector.of({
    ...connector,
    open: (address: Address.Address, listener) => connector.open(address, over(listener))
  })
  const client = RedisCluster.layer({ nodes: addresses, pingInterval, connectionsPerNode: 1 })
  const context = yield* Layer.build(Layer.provide(client, Layer.succeed(Connector.Connector, lossy)))
  const run = Effect.provideContext(context)
  const store = Effect.all([
    ...Array.from({ length: 50 }, (_, n) => Redis.set(keyOf(n), String(n))),
    Redis.set(victim, marked).pipe(Redis.ensureReplication({ replicas: 1, within: "30 seconds" }))
  ])
  yield* run(store)
  state.armed = true
  return { state, run, clock }
})

type Losing = Effect.Success<ReturnType<typeof losing>>

/** Reads with as many fibers, for as long; answers when what was read was another's, and how many reads came to nothing. */
const load = Effect.fnUntraced(function*(
  { clock }: Losing,
  { fibers, millis, pause }: { readonly fibers: number; readonly millis: number; readonly pause: number }
) {
  const until = clock.currentTimeMillisUnsafe() + millis
  const seen = { right: 0, wrong: [] as Array<number>, failed: new Set<string>(), lastFailedAt: 0 }
  const read = Effect.fnUntraced(function*(key: string, value: string) {
    const result = yield* Effect.result(Redis.get(key))
    if (Result.isFailure(result)) {
      seen.failed.add(`${result.failure.reason._tag}, ${result.failure.delivery}`)
      seen.lastFailedAt = clock.currentTimeMillisUnsafe()
    } else if (result.success === value) seen.right++
    else seen.wrong.push(clock.currentTimeMillisUnsafe())
    if (pause > 0) yield* Effect.sleep(pause)
  })
  const busy = (n: number) =>
    Effect.repeat(read(keyOf(n), String(n)), { while: () => clock.currentTimeMillisUnsafe() < until })
  yield* Effect.all([read(victim, marked), ...Array.from({ length: fibers }, (_, n) => busy(n))], {
    concurrency: "unbounded"
  })
  return seen
})

/** For no longer than that others' replies were taken, and after that everything was right. */
const isBounded = ({ state }: Losing, seen: Effect.Success<ReturnType<typeof load>>) => {
  assert.isFalse(state.armed)
  for (const at of [...seen.wrong, seen.lastFailedAt]) assert.isBelow(at - state.lostAt, bound)
  assert.isAbove(seen.right, 0)
  for (const failure of seen.failed) assert.match(failure, /^(ProtocolViolation, MaybeExecuted|Connection.*)$/)
}

const shared = (name: string, fibers: number, pause: number) =>
  scenario(
    name,
    Effect.gen(function*() {
      const client = yield* losing(ofVictim)
      const seen = yield* client.run(load(client, { fibers, pause, millis: bound + 1000 }))
      isBounded(client, seen)
      // Where there are few, the next to come may be a PING, which takes nobody's reply.
      if (pause === 0) assert.isAbove(seen.wrong.length + seen.failed.size, 0)
    })
  )

export const losses = [
  shared("a reply is lost under full load: for a moment others' are taken, and then no more", 50, 0),
  shared("a reply is lost where there are few: the same", 2, 50),
  scenario(
    "a reply is lost, and nothing comes behind it: who waits is told soon, and the next is answered",
    Effect.gen(function*() {
      const client = yield* losing(ofVictim)
      const result = yield* client.run(Effect.result(Redis.get(victim)))
      assert.isBelow(client.clock.currentTimeMillisUnsafe() - client.state.lostAt, bound)
      if (Result.isSuccess(result)) assert.strictEqual(result.success, marked)
      else assert.strictEqual(result.failure.reason._tag, "ProtocolViolation")
      assert.strictEqual(yield* client.run(Redis.get(keyOf(1))), "1")
    })
  ),
  scenario(
    "a reply is lost in a session: it ends soon, and its connection is nobody's afterwards",
    Effect.gen(function*() {
      const client = yield* losing(ofVictim)
      const session = Session.use({ keys: victim }, Effect.flip(Effect.forever(Redis.get(victim))))
      const { reason } = yield* client.run(session)
      assert.isBelow(client.clock.currentTimeMillisUnsafe() - client.state.lostAt, bound)
      assert.strictEqual(reason._tag, "ProtocolViolation")
      assert.strictEqual(yield* client.run(Session.use({ keys: victim }, Redis.get(victim))), marked)
    })
  ),
  scenario(
    "a reply is lost when a replica reads: for a moment others' are taken, and then no more",
    Effect.gen(function*() {
      const client = yield* losing(ofVictim)
      const seen = yield* client.run(
        load(client, { fibers: 10, pause: 1, millis: bound + 1000 }).pipe(ReadFrom.provide("replica"))
      )
      isBounded(client, seen)
    })
  ),
  scenario(
    "the element is lost that a command waited for: it fails at its deadline, and its connection is nobody's afterwards",
    Effect.gen(function*() {
      const keys = "{losses}:victims"
      const client = yield* losing(/\*2\r\n\$16\r\n\{losses\}:victims\r\n\$1\r\nx\r\n/)
      yield* client.run(Redis.del([keys]))
      const pop = Redis.blpop([keys], "1 second").pipe(Command.timeout("500 millis"))
      const fiber = yield* Effect.forkChild(client.run(Effect.flip(pop)), { startImmediately: true })
      yield* client.run(Redis.rpush(keys, ["x"]))
      const { delivery, reason } = yield* Fiber.join(fiber)
      assert.isFalse(client.state.armed)
      assert.deepStrictEqual([reason._tag, delivery], ["Timeout", "MaybeExecuted"])
      yield* client.run(Redis.rpush(keys, ["y"]))
      assert.deepStrictEqual(yield* client.run(Redis.blpop([keys], "1 second")), { key: keys, element: "y" })
    })
  ),
  scenario(
    "the answer to a PING is lost: nobody is given another's, and who subscribes is told of what comes later",
    Effect.gen(function*() {
      const client = yield* losing(/\$\d+\r\nredisc:[^\r]*\r\n/)
      const channel = "{losses}:news"
      const seen = yield* client.run(Effect.gen(function*() {
        const heard = yield* Effect.forkChild(
          Stream.runHead(Stream.filter(PubSub.subscribe([channel]), ({ payload }) => payload === "last")),
          { startImmediately: true }
        )
        const seen = yield* load(client, { fibers: 2, pause: 20, millis: bound + 1000 })
        const publish = Effect.andThen(Redis.publish(channel, "last"), Effect.sleep("50 millis"))
        yield* Effect.raceFirst(Effect.forever(publish), Fiber.join(heard))
        return seen
      }))
      assert.isFalse(client.state.armed)
      assert.deepStrictEqual(seen.wrong, [])
      assert.isAbove(seen.right, 0)
    })
  )
]

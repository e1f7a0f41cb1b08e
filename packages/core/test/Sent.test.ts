/** A call can be asked when it was handed to the transport, and nobody pays for that who does not ask. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Connection from "../src/Connection.ts"
import { Attempt } from "../src/internal/connection/call.ts"
import type { Timing } from "../src/internal/connection/call.ts"
import * as Redis from "../src/Redis.ts"
import { settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

/** A connection over a clock that counts how often somebody looks at its finer hand. */
const opened = Effect.fnUntraced(function*(options?: Connection.Options) {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000").on("GET", Reply.null)
  const clock = yield* Clock.Clock
  let looks = 0
  const counting: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
    currentTimeNanosUnsafe: () => {
      looks++
      return clock.currentTimeNanosUnsafe()
    }
  })
  const connection = yield* cluster.provide(
    Effect.provideService(Connection.make(Address.tcp("a", 7000), options), Clock.Clock, counting)
  )
  const [peer] = node.connections
  const submit = (key: string) => {
    const call = new Attempt(Redis.get(key), false, Infinity, () => {})
    const timing: Timing = { sentAt: undefined }
    call.timing = timing
    connection.submit(call)
    return { call, timing }
  }
  return { connection, node, peer, submit, looks: () => looks }
})

const millis = (n: number) => BigInt(n) * 1_000_000n

describe("when a call was sent", () => {
  it.effect("is known once it is written, at the end of the tick", () =>
    Effect.gen(function*() {
      const { submit } = yield* opened()
      yield* TestClock.adjust("5 seconds")
      const { timing } = submit("k")
      assert.isUndefined(timing.sentAt)
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.strictEqual(timing.sentAt, millis(5000))
    }))

  it.effect("is asked of the clock once for all that are written together, and never for others", () =>
    Effect.gen(function*() {
      const { connection, looks, submit } = yield* opened()
      for (let n = 0; n < 10; n++) yield* connection.execute(Redis.get("k"))
      assert.strictEqual(looks(), 0)
      const timings = ["1", "2", "3"].map((key) => submit(key).timing)
      yield* connection.execute(Redis.get("k"))
      assert.strictEqual(looks(), 1)
      assert.deepStrictEqual(timings.map(({ sentAt }) => sentAt), [0n, 0n, 0n])
    }))

  it.effect("tells how long it had to wait for room", () =>
    Effect.gen(function*() {
      const { node, peer, submit } = yield* opened({ maxInFlight: 1 })
      node.on("GET", "hold")
      const [first, second] = [submit("1"), submit("2")]
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([first.timing.sentAt, second.timing.sentAt], [0n, undefined])
      peer.release(Reply.null)
      yield* settle
      assert.strictEqual(second.timing.sentAt, millis(2000))
    }))

  it.effect("stays unknown of what was given up before, or was lost unsent", () =>
    Effect.gen(function*() {
      const { peer, submit } = yield* opened()
      const abandoned = submit("1")
      yield* abandoned.call
      yield* settle
      peer.full = true
      submit("2")
      yield* settle
      const lost = submit("3")
      yield* settle
      peer.drop()
      assert.deepStrictEqual([abandoned.timing.sentAt, lost.timing.sentAt], [undefined, undefined])
    }))
})

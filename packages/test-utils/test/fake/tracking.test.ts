/** What nodes in memory push to clients that cache, under the test's clock and controls. Real servers are compared elsewhere. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { turn } from "./time.ts"

/** A cluster, and raw connections to its nodes. */
const started = Effect.fnUntraced(function*(options?: FakeCluster.Options) {
  const { connector, service: fake } = yield* FakeCluster.make({ primaries: 2, replicas: 1, ...options })
  /** Opens a connection. Each of its commands answers all that has come since the one before. */
  const open = Effect.fnUntraced(function*(index: number) {
    let heard = ""
    const transport = yield* connector.open(fake.addresses[index], {
      onData: (bytes) => {
        heard += Buffer.from(bytes).toString("latin1")
      },
      onDrain: () => {},
      onClose: (problem) => {
        heard += `closed: ${problem}`
      }
    })
    /** What has come, without the framing. */
    const told = Effect.map(turn, () => {
      const text = heard.replace(/\$\d+\r\n|\r\n$/g, "").replaceAll("\r\n", " ")
      heard = ""
      return text
    })
    const say = (...lines: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        transport.write([Buffer.from(lines.map((line) => `${line}\r\n`).join(""))])
        return told
      })
    yield* say("HELLO 3")
    return { say, told }
  })
  return { fake, open }
})

describe("tracking", () => {
  it.effect("tells of a key that expires, at that moment", () =>
    Effect.gen(function*() {
      const { open } = yield* started()
      const a = yield* open(0)
      assert.strictEqual(yield* a.say("SET {b}k v PX 1000", "CLIENT TRACKING ON"), "+OK +OK")
      assert.strictEqual(yield* a.say("GET {b}k", "PTTL {b}k"), "v :1000")
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* a.told, "")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* a.told, ">2 invalidate *1 {b}k")
      assert.strictEqual(yield* a.say("GET {b}k"), "_")
    }))
})

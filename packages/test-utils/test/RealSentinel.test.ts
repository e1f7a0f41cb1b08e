import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as RealSentinel from "../src/RealSentinel.ts"
import { whenLong } from "./chaos/stretch.ts"

// Sentinels that starve on a busy machine take a server for dead that is not, and switch once more.
const downAfter = "2 seconds"

const named = (group: RealSentinel.RealSentinel["Service"]) =>
  Effect.forEach(
    group.sentinels,
    (sentinel) => group.command(sentinel, "SENTINEL", ["GET-MASTER-ADDR-BY-NAME", group.name])
  )

describe("RealSentinel", () => {
  it.live(
    "starts a group whose sentinels fail over on request",
    () =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.make({ replicas: 1, downAfter })
        const [first, second] = yield* group.nodes
        assert.strictEqual((yield* group.primary).name, first.name)
        assert.strictEqual(group.sentinels.length, 3)
        const at = ["127.0.0.1", `${first.address.port}`]
        assert.deepStrictEqual(yield* named(group), [at, at, at])
        assert.strictEqual((yield* group.failover).name, second.name)
        yield* group.waitUntilStable
        const primary = yield* group.primary
        yield* group.kill(primary)
        assert.strictEqual((yield* group.awaitSwitch(primary)).name, first.name)
      })
  )

  whenLong(it.live)(
    "has passwords, other ones for the sentinels, TLS, and host names",
    () =>
      Effect.gen(function*() {
        const group = yield* RealSentinel.make({
          sentinels: 2,
          tls: true,
          hostnames: true,
          name: "data",
          password: Redacted.make("one"),
          sentinelPassword: Redacted.make("two")
        })
        const { address } = yield* group.primary
        assert.deepStrictEqual(yield* named(group), Array.from({ length: 2 }, () => ["localhost", `${address.port}`]))
      })
  )

  whenLong(it.live)("makes a replica of a former primary that comes back", () =>
    Effect.gen(function*() {
      const group = yield* RealSentinel.make({ downAfter })
      const primary = yield* group.primary
      yield* group.kill(primary)
      yield* group.awaitSwitch(primary)
      yield* group.restart(primary)
      yield* group.waitUntilStable
      assert.deepStrictEqual((yield* group.nodes).map(({ role }) => role), ["replica", "primary"])
    }))
})

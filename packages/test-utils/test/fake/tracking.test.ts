/** What nodes in memory push to clients that cache, under the test's clock and controls. Real servers are compared elsewhere. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCluster, Profile } from "@redisc/test-utils"
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

  it.effect("tells of a key that is evicted", () =>
    Effect.gen(function*() {
      const { fake, open } = yield* started()
      const [a, replica] = [yield* open(0), yield* open(2)]
      yield* a.say("MSET {b}k 1 {b}l 1", "CLIENT TRACKING ON", "MGET {b}k {b}l {b}m")
      yield* replica.say("READONLY", "CLIENT TRACKING ON", "GET {b}k")
      assert.strictEqual(yield* fake.evict(["{b}k", "{b}m"]), 1)
      assert.strictEqual(yield* a.told, ">2 invalidate *1 {b}k")
      assert.strictEqual(yield* replica.told, ">2 invalidate *1 {b}k")
      assert.include(String(yield* fake.command("fake-0", "INFO", ["stats"])), "evicted_keys:1")
      assert.deepStrictEqual(yield* fake.keys(), ["{b}l"])
    }))

  it.effect("tells of a flush by the test, once", () =>
    Effect.gen(function*() {
      const { fake, open } = yield* started({ databases: 3 })
      const [a, c] = [yield* open(0), yield* open(1)]
      yield* a.say("SET {b}k 1", "SELECT 2", "SET {b}k 1", "CLIENT TRACKING ON", "GET {b}k")
      yield* c.say("CLIENT TRACKING ON BCAST")
      yield* fake.flushAll
      assert.strictEqual(yield* a.told, ">2 invalidate _")
      assert.strictEqual(yield* c.told, ">2 invalidate _")
    }))

  for (const [version, push] of [["7.0", ""], ["8.0", ">2 invalidate *1 {b}k"]] as const) {
    it.effect(`of ${version} tells ${push === "" ? "nobody" : "everybody"} of a slot that another node claims`, () =>
      Effect.gen(function*() {
        const { fake, open } = yield* started({ version })
        const a = yield* open(0)
        yield* a.say("SET {b}k 1", "CLIENT TRACKING ON", "GET {b}k")
        yield* fake.claimSlot(fake.slotOf("b"), "fake-1")
        assert.strictEqual(yield* a.told, push)
        assert.strictEqual(yield* a.say("GET {b}k"), "-MOVED 3300 fake-1:6379")
        assert.deepStrictEqual(yield* fake.keys(), [])
        assert.match((yield* Effect.flip(fake.claimSlot(3300, "fake-1"))).problem, /owns slot 3300 already/)
      }))
  }

  it.effect("ends with the process of the node", () =>
    Effect.gen(function*() {
      const { fake, open } = yield* started()
      const before = yield* open(0)
      yield* before.say("CLIENT TRACKING ON BCAST")
      yield* fake.restart("fake-0")
      assert.include(yield* before.told, "closed")
      const a = yield* open(0)
      assert.strictEqual(yield* a.say("CLIENT TRACKINGINFO"), "%3 flags ~1 off redirect :-1 prefixes *0")
      assert.include(yield* a.say("INFO clients"), "tracking_clients:0")
      assert.include(yield* a.say("INFO stats"), "tracking_total_prefixes:0")
    }))

  it.effect("knows nothing more after a replica was cut off and copies its primary anew", () =>
    Effect.gen(function*() {
      const { fake, open } = yield* started({ nodeTimeout: "1 hour" })
      const [writer, replica] = [yield* open(0), yield* open(2)]
      yield* replica.say("READONLY", "CLIENT TRACKING ON", "GET {b}k")
      yield* fake.partition("fake-0", "fake-2")
      yield* writer.say("SET {b}k 1")
      assert.strictEqual(yield* replica.told, "")
      yield* fake.heal()
      assert.strictEqual(yield* replica.told, ">2 invalidate _")
      assert.strictEqual(yield* replica.say("GET {b}k"), "1")
    }))

  it.effect("pushes what a mishap of the reply does not concern", () =>
    Effect.gen(function*() {
      const { fake, open } = yield* started()
      const a = yield* open(0)
      yield* a.say("CLIENT TRACKING ON", "GET {b}k")
      yield* fake.mishap("fake-0", "SET", "drop")
      assert.strictEqual(yield* a.say("SET {b}k 1"), ">2 invalidate *1 {b}k")
    }))

  it.effect("is refused where a service does not have it", () =>
    Effect.gen(function*() {
      const refusing = { ...Profile.elastiCacheNodes, secure: false, supports: [], refuses: ["CLIENT TRACKING"] }
      for (
        const [refusal, text] of [["unknown", "-ERR unknown subcommand 'TRACKING'"], [
          "noPermission",
          "-NOPERM"
        ]] as const
      ) {
        const { open } = yield* started({ profile: { ...refusing, refusal } })
        const a = yield* open(0)
        assert.include(yield* a.say("CLIENT TRACKING ON OPTIN"), text)
        assert.include(yield* a.say("CLIENT CACHING YES"), "-ERR CLIENT CACHING can be called only")
        assert.strictEqual(yield* a.say("GET {b}k"), "_")
      }
    }))

  it.effect("costs those nothing who do not ask for it", () =>
    Effect.gen(function*() {
      const { open } = yield* started()
      const a = yield* open(0)
      yield* a.say("GET {b}k", "SET {b}k 1", "GET {b}k")
      const counts = yield* a.say("INFO stats")
      assert.include(counts, "tracking_total_keys:0")
      assert.include(counts, "tracking_total_items:0")
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as Redis from "../src/Redis.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { carrier, carrying, connected, connectedTo, said, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const both = Effect.all([Redis.set(keyOfA, "1"), Redis.get(keyOfA)])
const moved = (to: string) => Reply.error(`MOVED ${slotOfA} ${to}`)
const withReplica = [[0, 16383, "a:7000", "b:7000"]] as const

describe("a session that is bound", () => {
  it.effect("by a key runs all commands over one connection of its own, to the node that serves it", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      assert.deepStrictEqual(yield* run(Session.use({ keys: keyOfA }, both)), ["OK", "a:7000"])
      assert.strictEqual(a.connections.length, 2)
      assert.deepStrictEqual(said(carrier(a, "GET bar")), ["SET bar 1", "GET bar"])
    }))

  it.effect("by keys, as text or bytes, tells its slot and its node", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const bytes = new TextEncoder().encode(keyOfA)
      for (const keys of [keyOfA, bytes, [keyOfA], [`{${keyOfA}}1`, bytes]]) {
        const { address, slot } = yield* run(Effect.scoped(Session.make({ keys })))
        assert.deepStrictEqual([address.key, slot], ["a:7000", slotOfA])
      }
    }))

  it.effect("by keys of different slots is refused, and connects to nobody", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ keys: [keyOfA, keyOfB] }, both)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["CrossSlot", "NotSent"])
      assert.deepStrictEqual([a.connections.length, b.connections.length], [1, 0])
    }))

  it.effect("by no keys at all is refused, since any node would do for none", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ keys: [] }, both)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
      assert.include(error.message, "keys is empty: give a key at least, or leave it out")
    }))

  it.effect("by keys and by a node at once is refused", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA, node: "a:7000" }, both)))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "not both")
    }))

  it.effect.each(["b:7000", Address.tcp("b", 7000)])(
    "to a node goes there with keys of any slot: %s",
    (node) =>
      Effect.gen(function*() {
        const { b, run } = yield* connected()
        const reads = Effect.all([Redis.get(keyOfA), Redis.get(keyOfB)])
        assert.deepStrictEqual(yield* run(Session.use({ node }, reads)), ["b:7000", "b:7000"])
        assert.deepStrictEqual(said(carrier(b, "GET bar")), ["GET bar", "GET k"])
        assert.isUndefined((yield* run(Effect.scoped(Session.make({ node })))).slot)
      })
  )

  it.effect("to what is no address is refused", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ node: "b" }, both)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
    }))

  it.effect("to a replica has declared READONLY on a connection that nobody else uses (trap 32)", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo(withReplica)
      const b = cluster.node("b:7000")
      assert.strictEqual(yield* run(Session.use({ node: "b:7000" }, Redis.get(keyOfA))), "b:7000")
      assert.deepStrictEqual(said(carrier(b, "GET bar")), ["READONLY", "GET bar"])
      yield* run(Session.use({ node: "a:7000" }, Redis.get(keyOfA)))
      assert.deepStrictEqual(said(carrier(cluster.node("a:7000"), "GET bar")), ["GET bar"])
    }))

  it.effect("to nothing takes turns among the primaries, and commands of any slot", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const turns = yield* Effect.replicateEffect(run(Session.use({}, Redis.get(keyOfA))), 3)
      assert.deepStrictEqual(turns.toSorted(), ["a:7000", "b:7000", "c:7000"])
      assert.isUndefined((yield* run(Effect.scoped(Session.make()))).slot)
    }))
})

describe("a session that reads from replicas", () => {
  it.effect("goes to one of the slot, over a connection that has declared READONLY", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo(withReplica)
      const read = run(Session.use({ keys: keyOfA, readFrom: "replica" }, Redis.get(keyOfA)))
      assert.strictEqual(yield* read, "b:7000")
      assert.deepStrictEqual(said(carrier(cluster.node("b:7000"), "GET bar")), ["READONLY", "GET bar"])
    }))

  it.effect("fails where there is none, and says what falls back on the primary", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA, readFrom: "replica" }, Redis.get(keyOfA))))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["NoNodeForSlot", "NotSent"])
      assert.include(error.message, "preferReplica")
      const fallen = run(Session.use({ keys: keyOfA, readFrom: "preferReplica" }, Redis.get(keyOfA)))
      assert.strictEqual(yield* fallen, "a:7000")
    }))
})

describe("a session that can't be opened", () => {
  it.effect("because its node can't be reached fails, and has the map learnt anew", () =>
    Effect.gen(function*() {
      const { b, run, service } = yield* connected()
      b.accepts = "none"
      const before = service.topology.refreshes()
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfB }, Redis.get(keyOfB))))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], [
        "ConnectionFailed",
        "NotSent",
        "b:7000"
      ])
      yield* advance("100 millis")
      assert.isAbove(service.topology.refreshes(), before)
    }))

  it.effect("because nobody serves the slot fails with NoNodeForSlot, and has the map learnt anew", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connected()
      cluster.slots = [[5461, 10922, "b:7000"]]
      yield* service.refresh
      yield* advance("5 seconds")
      const before = service.topology.refreshes()
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, both)))
      assert.isTrue(error.reason._tag === "NoNodeForSlot" && error.reason.slot === slotOfA)
      yield* advance("100 millis")
      assert.isAbove(service.topology.refreshes(), before)
    }))

  it.effect("because all connections are in use fails with Timeout after the leaseTimeout, unsent", () =>
    Effect.gen(function*() {
      const { run } = yield* connected({ maxDedicated: 1, leaseTimeout: "2 seconds" })
      const never = yield* start(run(Session.use({ keys: keyOfA }, Effect.never)))
      const fiber = yield* start(Effect.flip(run(Session.use({ keys: keyOfA }, both))))
      yield* advance("1900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("100 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], ["Timeout", "NotSent", "a:7000"])
      assert.include(error.message, "maxDedicated")
      yield* Fiber.interrupt(never)
      assert.deepStrictEqual(yield* run(Session.use({ keys: keyOfA }, both)), ["OK", "a:7000"])
    }))

  it.effect("because the client has ended fails with Closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { run } = yield* Scope.provide(connected(), scope)
      yield* Scope.close(scope, Exit.void)
      for (const target of [{ keys: keyOfA }, { node: "a:7000" }, {}]) {
        const error = yield* Effect.flip(run(Session.use(target, both)))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["Closed", "NotSent"])
      }
    }))
})

describe("a session refuses, before anything is sent,", () => {
  it.effect("a key of another slot, and says what to do", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.get(keyOfB))))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.attempts], ["SessionMisused", "NotSent", 0])
      assert.include(error.message, "hash tag")
      const crossing = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.mget([keyOfA, keyOfB]))))
      assert.strictEqual(crossing.reason._tag, "CrossSlot")
      assert.deepStrictEqual([a.commands, b.commands], [[], []])
    }))

  it.effect("any use after its scope, and leaves the connection to the next", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const session = yield* run(Effect.scoped(Session.make({ keys: keyOfA })))
      const error = yield* Effect.flip(session.execute(Redis.get(keyOfA)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["SessionMisused", "NotSent"])
      const [result] = yield* session.executeAll([Redis.get(keyOfA)])
      assert.isTrue(Result.isFailure(result) && result.failure.reason._tag === "SessionMisused")
      assert.deepStrictEqual(a.commands, [])
    }))

  it.effect.each(["MULTI", "EXEC", "DISCARD", "SUBSCRIBE", "SSUBSCRIBE", "MONITOR", "CLIENT REPLY", "QUIT"])(
    "what takes the connection over, and says what to do instead: %s (trap 31)",
    (name) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.command(name, [keyOfA]))))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
        assert.match(error.message, /Redis\.transaction.*Connection\.make/)
        assert.deepStrictEqual(a.commands, [])
      })
  )

  it.effect("a command with wrong arguments", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.watch([]))))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.deepStrictEqual(a.commands, [])
    }))

  it.effect("a command while another blocks its connection", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("BLPOP", "hold")
      const session = yield* run(Session.make({ keys: keyOfA }))
      const pop = yield* start(session.execute(Redis.blpop([keyOfA], "1 minute")))
      for (const when of ["before it is written", "after"]) {
        const error = yield* Effect.flip(session.execute(Redis.get(keyOfA)))
        assert.strictEqual(error.reason._tag, "SessionMisused", when)
        assert.include(error.message, "BLPOP is blocking")
        yield* settle
      }
      carrier(a, "BLPOP bar 60").release(Reply.nullArray)
      assert.isNull(yield* Fiber.join(pop))
      assert.strictEqual(yield* session.execute(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("a command while another will block its connection, behind one that is under way", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.once("GET", "hold").on("BLPOP", "hold")
      const session = yield* run(Session.make({ keys: keyOfA }))
      yield* start(session.execute(Redis.get(keyOfA)))
      yield* start(session.execute(Redis.blpop([keyOfA], "1 minute")))
      const error = yield* Effect.flip(session.execute(Redis.get(keyOfA)))
      assert.strictEqual(error.reason._tag, "SessionMisused")
      yield* settle
      assert.strictEqual((yield* Effect.flip(session.execute(Redis.get(keyOfA)))).reason._tag, "SessionMisused")
    }))

  it.effect("a command while another that was interrupted still blocks the connection", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("BLPOP", "hold")
      const session = yield* run(Session.make({ keys: keyOfA }))
      const pop = yield* start(session.execute(Redis.blpop([keyOfA], "1 minute")))
      yield* settle
      yield* Fiber.interrupt(pop)
      const error = yield* Effect.flip(session.execute(Redis.get(keyOfA)))
      assert.strictEqual(error.reason._tag, "SessionMisused")
      carrier(a, "BLPOP bar 60").release(Reply.nullArray)
      assert.strictEqual(yield* session.execute(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("nothing for the sake of one that was interrupted before it was written", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const session = yield* run(Session.make({ keys: keyOfA }))
      const pop = yield* start(session.execute(Redis.blpop([keyOfA], "1 minute")))
      pop.interruptUnsafe()
      assert.strictEqual(yield* session.execute(Redis.get(keyOfA)), "a:7000")
      assert.deepStrictEqual(a.commands, ["GET bar"])
    }))

  it.effect("a pipeline with a command that blocks in it", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const pipeline = Redis.pipeline([Redis.get(keyOfA), Redis.blpop([keyOfA], "1 second")])
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, pipeline)))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.deepStrictEqual(a.commands, [])
    }))
})

describe("what a node says in a session", () => {
  it.effect("of another owner is told to the caller, noted in the map, and not followed", () =>
    Effect.gen(function*() {
      const { a, b, run, service } = yield* connected()
      a.once("GET", moved("b:7000"))
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))))
      assert.isTrue(error.reason._tag === "Moved" && error.reason.address === "b:7000")
      assert.deepStrictEqual([error.delivery, error.attempts, error.command], ["Rejected", 1, "GET"])
      assert.deepStrictEqual(b.commands, [])
      assert.strictEqual(SlotMap.shardOf(yield* service.topology.current, slotOfA)?.primary?.address.key, "b:7000")
      assert.strictEqual((yield* service.stats).redirects, 0)
      assert.strictEqual(yield* run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))), "b:7000")
    }))

  it.effect("of a migration is told to the caller, and leaves the map as it is", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected()
      const before = yield* service.topology.current
      a.once("GET", Reply.error(`ASK ${slotOfA} b:7000`))
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))))
      assert.isTrue(error.reason._tag === "Ask" && error.reason.address === "b:7000")
      yield* advance("1 second")
      assert.strictEqual(yield* service.topology.current, before)
    }))

  it.effect("when it can't serve is told to the caller at once, and has the map learnt anew", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected()
      const before = service.topology.refreshes()
      a.on("GET", Reply.error("CLUSTERDOWN The cluster is down"))
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))))
      assert.deepStrictEqual([error.reason._tag, error.attempts], ["ClusterDown", 1])
      yield* advance("100 millis")
      assert.isAbove(service.topology.refreshes(), before)
    }))

  it.effect("to a pipeline is told command by command", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.once("SET", moved("b:7000"))
      const pipeline = Redis.pipeline([Redis.set(keyOfA, "1"), Redis.get(keyOfA)], { mode: "result" })
      const [set, get] = yield* run(Session.use({ keys: keyOfA }, pipeline))
      assert.isTrue(Result.isFailure(set) && set.failure.reason._tag === "Moved")
      assert.deepStrictEqual(get, Result.succeed("a:7000"))
      assert.deepStrictEqual([carrying(a, "GET bar").length, b.commands.length], [1, 0])
    }))
})

/** Slots that have moved as a server announces it are looked for at their new node at once, in order, whoever tells it and how often. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import type * as Resp from "../src/Resp.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

type Triplet = readonly [source: string | null, target: string | null, slots: string]

const bulkOf = (text: string | null) => text === null ? Reply.null : Reply.bulk(text)

const smigrated = (seq: number, ...moves: ReadonlyArray<Triplet>): Resp.Reply =>
  Reply.push([
    Reply.bulk("SMIGRATED"),
    Reply.integer(seq),
    Reply.array(moves.map((move) => Reply.array(move.map(bulkOf))))
  ])

const tell = (node: ScriptedNode, push: Resp.Reply): void => {
  for (const connection of node.live) connection.send(push)
}

/** Three nodes, with connections to all of them. */
const opened = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const parts = yield* connected({ refreshInterval: "1 hour", drainTimeout: "100 millis", ...options })
  yield* parts.run(Effect.forEach([keyOfA, keyOfB, "foo"], (key) => Redis.get(key)))
  const ownerOf = (slot: number) =>
    Effect.map(parts.service.topology.current, (map) => SlotMap.shardOf(map, slot)?.primary?.address.key)
  const failures: Array<string> = []
  yield* start(
    Stream.runForEach(parts.service.failures, ({ error }) => Effect.sync(() => failures.push(error.message)))
  )
  yield* settle
  return { ...parts, ownerOf, failures }
})

const slot = `${slotOfA}`
const theirs = (node: ScriptedNode): ReadonlyArray<string> => node.commands.filter((line) => / bar\b/.test(line))

describe("slots that have moved", () => {
  it.effect("are looked for at their new node at once, and the map is learnt anew", () =>
    Effect.gen(function*() {
      const { a, b, cluster, ownerOf, run, service } = yield* opened()
      const { questions } = cluster
      tell(a, smigrated(1, ["a:7000", "b:7000", `${slot},1-5`]))
      assert.strictEqual(yield* ownerOf(slotOfA), "b:7000")
      assert.strictEqual(yield* ownerOf(3), "b:7000")
      assert.strictEqual(yield* ownerOf(6), "a:7000")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      assert.strictEqual(b.count(`GET ${keyOfA}`), 1)
      yield* advance("1 second")
      assert.isAbove(cluster.questions, questions)
      const { redirects, slotHandoffs } = yield* service.stats
      assert.deepStrictEqual({ redirects, slotHandoffs }, { redirects: 0, slotHandoffs: 1 })
    }))

  it.effect("hold although most nodes don't know it yet", () =>
    Effect.gen(function*() {
      const { a, ownerOf, service } = yield* opened()
      tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
      yield* service.refresh
      assert.strictEqual(yield* ownerOf(slotOfA), "b:7000")
    }))

  it.effect("are told by all nodes, and count once; the number may begin anew with other news", () =>
    Effect.gen(function*() {
      const { a, b, c, ownerOf, service } = yield* opened()
      const there = smigrated(1, ["a:7000", "b:7000", slot])
      const back = smigrated(2, ["b:7000", "a:7000", slot])
      tell(a, there)
      tell(a, back)
      tell(b, there)
      tell(c, back)
      tell(c, there)
      assert.strictEqual(yield* ownerOf(slotOfA), "a:7000")
      assert.strictEqual((yield* service.stats).slotHandoffs, 2)
      tell(c, smigrated(1, ["a:7000", "c:7000", slot]))
      assert.strictEqual(yield* ownerOf(slotOfA), "c:7000")
    }))

  it.effect("are no duplicate of their beginning, which has the same number", () =>
    Effect.gen(function*() {
      const { a, ownerOf } = yield* opened()
      tell(a, Reply.push([Reply.bulk("SMIGRATING"), Reply.integer(1), Reply.bulk(slot)]))
      tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
      assert.strictEqual(yield* ownerOf(slotOfA), "b:7000")
    }))

  it.effect("may come from one node to several, from nobody known, and to a new node", () =>
    Effect.gen(function*() {
      const { a, cluster, ownerOf, run } = yield* opened()
      cluster.node("d:7000").on("GET", Reply.bulk("d:7000"))
      tell(
        a,
        smigrated(1, ["a:7000", "b:7000", "1"], ["a:7000", "c:7000", "2"], [null, "b:7000", "3"], [
          "x:1",
          "d:7000",
          slot
        ])
      )
      const owners = yield* Effect.forEach([1, 2, 3, slotOfA], ownerOf)
      assert.deepStrictEqual(owners, ["b:7000", "c:7000", "b:7000", "d:7000"])
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "d:7000")
    }))

  it.effect("that can't be read are told in failures, and the others are heeded", () =>
    Effect.gen(function*() {
      const { a, failures, ownerOf, run } = yield* opened()
      tell(a, smigrated(1, ["a:7000", "b:7000", "0-99999"], ["a:7000", null, "7"], ["a:7000", "b:7000", slot]))
      yield* settle
      assert.strictEqual(failures.length, 1)
      assert.include(failures[0], "SMIGRATED")
      assert.strictEqual(yield* ownerOf(slotOfA), "b:7000")
      assert.strictEqual(yield* ownerOf(7), "a:7000")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
    }))

  it.effect("go to no node outside of the map if redirects may not", () =>
    Effect.gen(function*() {
      const { a, cluster, ownerOf } = yield* opened({ redirectsTo: "knownNodes" })
      tell(a, smigrated(1, ["a:7000", "evil:7000", slot], ["a:7000", "b:7000", "1"]))
      assert.deepStrictEqual(yield* Effect.forEach([slotOfA, 1], ownerOf), ["a:7000", "b:7000"])
      tell(a, Reply.push([Reply.bulk("MOVING"), Reply.integer(2), Reply.integer(10), Reply.bulk("evil:7000")]))
      yield* advance("11 seconds")
      assert.deepStrictEqual(cluster.node("evil:7000").dialed, [])
      // The configured endpoint is connected to anew instead.
      assert.strictEqual(a.live.length, 1)
      assert.strictEqual(a.connections.filter(({ open }) => !open).length, 1)
    }))

  it.effect("are few to new nodes, however many a node that lies may name", () =>
    Effect.gen(function*() {
      const { a, cluster, run, service } = yield* opened()
      const lies = Array.from({ length: 5000 }, (_, n): Triplet => ["a:7000", `x${n}:7000`, `${n}`])
      tell(a, smigrated(1, ...lies, ...lies.map(([s, , n]): Triplet => [s, "y:7000", `0-${n}`])))
      const { nodes } = yield* service.topology.current
      assert.isAtMost(nodes.size, 3 + 33)
      assert.isAtMost(cluster.live, 4)
      yield* run(Effect.exit(Redis.get(keyOfB)))
      // Nobody confirms it, so that it does not last.
      for (let i = 0; i < 30; i++) yield* Effect.andThen(advance("1 second"), Effect.exit(service.refresh))
      assert.strictEqual((yield* service.topology.current).nodes.size, 3)
    }))
})

describe("commands on slots that have moved", () => {
  it.effect("go to the new node, behind those that the old one still had and sends on", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* opened({ maxInFlight: 2 })
      a.on("SET", "hold").on("PING", "hold")
      const done: Array<string> = []
      const set = (value: string) => start(Effect.map(run(Redis.set(keyOfA, value)), () => done.push(value)))
      for (const value of ["1", "2", "3", "4"]) yield* set(value)
      yield* settle
      assert.deepStrictEqual(theirs(a), ["GET bar", "SET bar 1", "SET bar 2"])
      tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
      yield* set("5")
      yield* settle
      // What is under way at the old node comes first, wherever it is executed.
      assert.deepStrictEqual(theirs(b), [])
      const [old] = a.live
      old.release(Reply.simple("OK"))
      old.release(Reply.error(`MOVED ${slot} b:7000`))
      yield* settle
      old.release(([token]) => Reply.bulk(token))
      yield* settle
      assert.deepStrictEqual(theirs(b), ["SET bar 2", "SET bar 3", "SET bar 4", "SET bar 5"])
      assert.deepStrictEqual(done, ["1", "2", "3", "4", "5"])
      assert.strictEqual(theirs(a).length, 3)
    }))

  it.effect("wait for the old node five seconds at most, and not beyond their deadline", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* opened({ pingInterval: "1 minute" })
      a.on("SET", "hold").on("PING", "hold")
      yield* start(run(Redis.set(keyOfA, "1")))
      yield* settle
      tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
      const later = yield* start(run(Redis.set(keyOfA, "2")))
      const hasty = yield* start(Effect.flip(run(Command.timeout(Redis.set(keyOfA, "3"), "2 seconds"))))
      yield* advance("4900 millis")
      assert.deepStrictEqual(theirs(b), [])
      const exit = hasty.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.reason._tag === "Timeout")
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.delivery === "NotSent")
      yield* advance("200 millis")
      assert.deepStrictEqual(theirs(b), ["SET bar 2"])
      assert.deepStrictEqual(later.pollUnsafe(), Exit.succeed("OK"))
    }))

  it.effect("wait for nothing where the old node has nothing to do", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* opened()
      a.on("PING", "hold")
      tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
      yield* run(Redis.set(keyOfA, "1"))
      assert.deepStrictEqual(theirs(b), ["SET bar 1"])
    }))

  it.effect("on other slots of the same nodes wait for nothing", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* opened()
      a.on("SET", "hold")
      yield* start(run(Redis.set(keyOfA, "1")))
      yield* settle
      tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
      assert.strictEqual(yield* run(Redis.get(keyOfB)), "b:7000")
      assert.strictEqual(b.count(`GET ${keyOfB}`), 2)
    }))

  it.effect("end with the client while they wait", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.scoped(Effect.gen(function*() {
        const { a, run } = yield* opened()
        a.on("SET", "hold")
        yield* Effect.forkDetach(Effect.exit(run(Redis.set(keyOfA, "1"))), { startImmediately: true })
        yield* settle
        tell(a, smigrated(1, ["a:7000", "b:7000", slot]))
        return yield* Effect.forkDetach(Effect.flip(run(Redis.set(keyOfA, "2"))), { startImmediately: true })
      }))
      yield* settle
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.reason._tag === "Closed")
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.delivery === "NotSent")
    }))
})

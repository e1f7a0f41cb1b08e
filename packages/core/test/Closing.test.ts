import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import type * as RedisError from "../src/RedisError.ts"
import type * as Resp from "../src/Resp.ts"
import * as Session from "../src/Session.ts"
import { carrier, connected, start } from "./support/client.ts"
import { shard } from "./support/replicas.ts"
import { advance, keyOfA, keyOfB, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

/** A client, and how to end it. Nodes tell what they call a connection, and none answers anything that matters. */
const closing = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const scope = yield* Scope.make()
  const client = yield* Scope.provide(connected(options), scope)
  for (const node of client.cluster.nodes.values()) {
    for (const name of ["GET", "SET", "INCR", "BLPOP", "BLMOVE", "XREAD", "MULTI", "EXEC"]) node.on(name, "hold")
  }
  const begin = start(Scope.close(scope, Exit.void))
  return { ...client, begin }
})

const told = ({ delivery, reason }: RedisError.RedisError) => [reason._tag, delivery]

/** Makes a node number its connections, and let go by CLIENT UNBLOCK what holds one of them up. */
const lets = (node: ScriptedNode, answer: (id: number) => Resp.Reply | undefined) => {
  const before = node.connections.length
  let connections = 0
  node.on(
    "HELLO",
    () => Reply.map([[Reply.bulk("proto"), Reply.integer(3)], [Reply.bulk("id"), Reply.integer(++connections)]])
  )
  const unblocked: Array<string> = []
  node.on("CLIENT UNBLOCK", ([, id, mode]) => {
    unblocked.push(`${id} ${mode}`)
    const reply = answer(Number(id))
    if (reply === undefined) return Reply.integer(0)
    node.connections[before + Number(id) - 1].release(reply)
    return Reply.integer(1)
  })
  return unblocked
}

const unblocked = Reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK")

describe("what is under way when a client ends", () => {
  it.effect("is waited for, and its answer told", () =>
    Effect.gen(function*() {
      const { a, begin, cluster, run } = yield* closing()
      const fiber = yield* start(run(Redis.incr(keyOfA)))
      yield* settle
      const end = yield* begin
      yield* settle
      assert.isUndefined(end.pollUnsafe())
      carrier(a, "INCR bar").release(Reply.integer(7))
      yield* settle
      assert.strictEqual(yield* Fiber.join(fiber), 7)
      yield* Fiber.join(end)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("is waited for on all nodes, over all kinds of connections", () =>
    Effect.gen(function*() {
      const { a, b, begin, cluster, run } = yield* closing()
      a.on("MULTI", Reply.simple("OK"))
      a.on("SET", Reply.simple("QUEUED"))
      const works = [
        run(Redis.pipeline([Redis.incr(keyOfA), Redis.get(keyOfB)])),
        run(Redis.transaction([Redis.set(keyOfA, "1")])),
        run(Session.use({ keys: keyOfB }, Redis.get(keyOfB)))
      ]
      const fibers = yield* Effect.forEach(
        works,
        (work) => start(work as Effect.Effect<unknown, RedisError.RedisError>)
      )
      yield* settle
      const end = yield* begin
      yield* settle
      assert.isUndefined(end.pollUnsafe())
      for (const connection of a.live) {
        for (const line of connection.received) {
          if (line.startsWith("INCR")) connection.release(Reply.integer(1))
          if (line === "EXEC") connection.release(Reply.array([Reply.simple("OK")]))
        }
      }
      for (const connection of b.live) if (connection.received.includes("GET k")) connection.release(Reply.bulk("v"))
      yield* settle
      yield* Fiber.join(end)
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [[1, "v"], ["OK"], "v"])
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("is waited for no longer than the time to drain, by default two seconds", () =>
    Effect.gen(function*() {
      const { begin, cluster, run } = yield* closing()
      const fiber = yield* start(Effect.flip(run(Redis.incr(keyOfA))))
      yield* settle
      const end = yield* begin
      yield* advance("1950 millis")
      assert.isUndefined(end.pollUnsafe())
      yield* advance("50 millis")
      yield* Fiber.join(end)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "MaybeExecuted"])
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("is waited for no longer than its own deadline", () =>
    Effect.gen(function*() {
      const { begin, run } = yield* closing({ commandTimeout: "1 second", drainTimeout: "1 minute" })
      const fiber = yield* start(Effect.flip(run(Redis.incr(keyOfA))))
      yield* settle
      const end = yield* begin
      yield* advance("1200 millis")
      yield* Fiber.join(end)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Timeout", "MaybeExecuted"])
    }))

  it.effect("is not waited for when nobody wants it any more: no time has to pass", () =>
    Effect.gen(function*() {
      const { begin, cluster, run } = yield* closing()
      const fibers = yield* Effect.forEach(
        [
          Redis.incr(keyOfA),
          Redis.command("BLPOP", [keyOfA, 0]),
          Redis.pipeline([Redis.incr(keyOfB), Redis.get(keyOfA)])
        ],
        (work) => start(run(work as Effect.Effect<unknown, RedisError.RedisError, Redis.Redis>))
      )
      yield* settle
      yield* Fiber.interruptAll(fibers)
      yield* Fiber.join(yield* begin)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("is not waited for any more once its fiber is interrupted", () =>
    Effect.gen(function*() {
      const { begin, run } = yield* closing()
      const fiber = yield* start(run(Redis.incr(keyOfA)))
      yield* settle
      const end = yield* begin
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* advance("50 millis")
      yield* Fiber.join(end)
    }))

  it.effect("lets whoever is behind it in the queue have its turn, and no others", () =>
    Effect.gen(function*() {
      const { a, begin, run } = yield* closing({ maxInFlight: 1 })
      a.on("GET", Reply.bulk("v"))
      const first = yield* start(run(Redis.incr(keyOfA)))
      const second = yield* start(run(Redis.get(keyOfA)))
      yield* settle
      const end = yield* begin
      yield* settle
      const third = yield* Effect.flip(run(Redis.get(keyOfA)))
      assert.deepStrictEqual(told(third), ["Closed", "NotSent"])
      carrier(a, "INCR bar").release(Reply.integer(1))
      yield* settle
      assert.deepStrictEqual(yield* Fiber.joinAll([first, second]), [1, "v"])
      yield* Fiber.join(end)
      assert.strictEqual(a.count("GET bar"), 1)
    }))

  it.effect("is not sent anywhere else: a redirect that comes then is not followed", () =>
    Effect.gen(function*() {
      const { a, b, begin, run } = yield* closing()
      const fiber = yield* start(Effect.flip(run(Redis.incr(keyOfA))))
      yield* settle
      const end = yield* begin
      carrier(a, "INCR bar").release(Reply.error("MOVED 5061 b:7000"))
      yield* settle
      yield* Fiber.join(end)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "NotSent"])
      assert.deepStrictEqual(b.commands, [])
    }))

  it.effect("holds up nothing that goes without saying: pings, questions for a role, the layout", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, b, c, cluster, get, service, warm } = yield* Scope.provide(shard({ readFrom: "replica" }), scope)
      yield* warm()
      for (const node of [a, b, c]) node.frozen = true
      yield* advance("6 seconds")
      for (const node of [a, b, c]) node.on("ROLE", "hold")
      const reads = yield* start(Effect.ignore(get()))
      yield* start(Effect.ignore(service.refresh))
      yield* advance("2 seconds")
      yield* Fiber.interrupt(reads)
      assert.isAbove(a.count("PING") + b.count("PING"), 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(cluster.live, 0)
    }))
})

describe("what has not been sent when a client ends", () => {
  it.effect("fails at once, unsent: what waits for a connection, for another try, for a lease", () =>
    Effect.gen(function*() {
      const { a, b, begin, run } = yield* closing({ maxDedicated: 1 })
      b.accepts = "neither"
      a.once("GET", Reply.error("TRYAGAIN"), "hold")
      const connecting = yield* start(Effect.flip(run(Redis.get(keyOfB))))
      const trying = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      const holding = yield* start(Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0]))))
      const leasing = yield* start(Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0]))))
      yield* settle
      yield* Fiber.join(yield* begin)
      for (const fiber of [connecting, leasing]) {
        assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "NotSent"])
      }
      // It says nothing of what it calls its connections, so nobody can be let go.
      assert.deepStrictEqual(told(yield* Fiber.join(holding)), ["Closed", "MaybeExecuted"])
      yield* advance("50 millis")
      assert.deepStrictEqual(told(yield* Fiber.join(trying)), ["Closed", "NotSent"])
      assert.strictEqual(a.count("GET bar"), 1)
    }))

  it.effect("whatever it is: an open session, a confirmed write, a leaked service", () =>
    Effect.gen(function*() {
      const { a, b, begin, run, service } = yield* closing()
      a.on("SET", Reply.simple("OK"))
      const session = yield* run(Session.make({ keys: keyOfA }))
      const confirming = yield* start(
        Effect.flip(
          run(
            Redis.ensureReplication(Effect.andThen(Redis.set(keyOfA, "1"), Redis.get(keyOfB)), {
              replicas: 1,
              within: "1 second"
            })
          )
        )
      )
      const first = yield* start(session.execute(Redis.get(keyOfA)))
      yield* settle
      const end = yield* begin
      yield* settle
      assert.deepStrictEqual(told(yield* Effect.flip(session.execute(Redis.get(keyOfA)))), ["Closed", "NotSent"])
      assert.deepStrictEqual(told(yield* Effect.flip(service.execute(Redis.get(keyOfA)))), ["Closed", "NotSent"])
      assert.deepStrictEqual(told(yield* Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0])))), ["Closed", "NotSent"])
      carrier(a, "GET bar").release(Reply.bulk("v"))
      carrier(b, "GET k").release(Reply.bulk("w"))
      yield* settle
      assert.strictEqual(yield* Fiber.join(first), "v")
      yield* Fiber.join(end)
      const { reason } = yield* Fiber.join(confirming)
      assert.strictEqual(reason._tag, "NotReplicated")
    }))
})

describe("a command that blocks when the client ends", () => {
  const blocking = [
    ["BLPOP", Redis.command("BLPOP", [keyOfA, 0])],
    ["BLMOVE", Redis.command("BLMOVE", [keyOfA, keyOfA, "LEFT", "LEFT", 0])],
    ["XREAD", Redis.command("XREAD", ["BLOCK", 0, "STREAMS", keyOfA, "$"])]
  ] as const

  it.effect.each(blocking)(
    "is let go over another connection, and was not executed: %s",
    ([, command]) =>
      Effect.gen(function*() {
        const { a, begin, cluster, run } = yield* closing()
        const unblocks = lets(a, () => unblocked)
        a.drop()
        yield* advance("200 millis")
        const fiber = yield* start(Effect.flip(run(command)))
        yield* settle
        yield* Fiber.join(yield* begin)
        assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "Rejected"])
        assert.deepStrictEqual(unblocks.map((line) => line.split(" ")[1]), ["ERROR"])
        assert.strictEqual(cluster.live, 0)
      })
  )

  it.effect("and has been given an element just before has it", () =>
    Effect.gen(function*() {
      const { a, begin, run } = yield* closing()
      lets(a, () => Reply.array([Reply.bulk(keyOfA), Reply.bulk("element")]))
      a.drop()
      yield* advance("200 millis")
      const fiber = yield* start(run(Redis.command("BLPOP", [keyOfA, 0])))
      yield* settle
      yield* Fiber.join(yield* begin)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [keyOfA, "element"])
    }))

  it.effect("is told again to let go where it had not begun to block", () =>
    Effect.gen(function*() {
      const { a, begin, run } = yield* closing()
      let times = 0
      const unblocks = lets(a, () => ++times < 3 ? undefined : unblocked)
      a.drop()
      yield* advance("200 millis")
      const fiber = yield* start(Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0]))))
      yield* settle
      const end = yield* begin
      yield* advance("100 millis")
      yield* Fiber.join(end)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "Rejected"])
      assert.strictEqual(unblocks.length, 3)
    }))

  it.effect("is let go where RESP2 is spoken, too", () =>
    Effect.gen(function*() {
      const { a, begin, run } = yield* closing()
      lets(a, () => unblocked)
      let connections = 0
      a.on("HELLO", Reply.error("ERR unknown command 'HELLO'")).on("CLIENT ID", () => Reply.integer(++connections))
      const before = a.connections.length
      a.on("CLIENT UNBLOCK", ([, id]) => {
        a.connections[before + Number(id) - 1].release(unblocked)
        return Reply.integer(1)
      })
      a.drop()
      yield* advance("200 millis")
      const fiber = yield* start(Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0]))))
      yield* settle
      yield* Fiber.join(yield* begin)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "Rejected"])
    }))

  it.effect("is given up at once where that is not permitted, and may have been executed", () =>
    Effect.gen(function*() {
      const { a, begin, run } = yield* closing()
      lets(a, () => unblocked)
      a.on("CLIENT UNBLOCK", Reply.error("NOPERM this user has no permissions to run the 'client|unblock' command"))
      a.drop()
      yield* advance("200 millis")
      const fiber = yield* start(Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0]))))
      yield* settle
      yield* Fiber.join(yield* begin)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "MaybeExecuted"])
    }))

  it.effect("on a frozen node is given up after the time to drain", () =>
    Effect.gen(function*() {
      const { a, begin, cluster, run } = yield* closing()
      lets(a, () => unblocked)
      a.drop()
      yield* advance("200 millis")
      const fiber = yield* start(Effect.flip(run(Redis.command("BLPOP", [keyOfA, 0]))))
      yield* settle
      a.frozen = true
      const end = yield* begin
      yield* advance("2 seconds")
      yield* Fiber.join(end)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "MaybeExecuted"])
      assert.strictEqual(cluster.live, 0)
    }))
})

describe("the end of a client", () => {
  it.effect("comes when its time is over, even if the clock of a test stands still", () =>
    Effect.gen(function*() {
      const { begin, cluster, run } = yield* closing({ drainTimeout: "20 millis" })
      const fiber = yield* start(Effect.flip(run(Redis.incr(keyOfA))))
      yield* settle
      yield* Fiber.join(yield* begin)
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Closed", "MaybeExecuted"])
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("takes no time when nothing is under way, however open it is", () =>
    Effect.gen(function*() {
      const { b, begin, c, cluster, run } = yield* closing()
      b.on("GET", Reply.bulk("v"))
      yield* run(Redis.get(keyOfB))
      yield* run(Session.make({ keys: keyOfB }))
      c.frozen = true
      yield* Fiber.join(yield* begin)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("while it starts takes no time either", () =>
    Effect.gen(function*() {
      const { a, cluster } = threeNodes()
      a.on("CLUSTER SLOTS", "hold")
      const scope = yield* Scope.make()
      const fiber = yield* start(Scope.provide(cluster.provide(RedisCluster.make({ nodes: ["a:7000"] })), scope))
      yield* settle
      assert.strictEqual(cluster.live, 1)
      yield* Fiber.interrupt(fiber)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(cluster.live, 0)
    }))
})

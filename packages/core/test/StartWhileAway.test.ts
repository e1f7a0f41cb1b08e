/** A client that is started while no node can be reached: what waits, for how long, and how that ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import { FirstMap } from "../src/internal/execution/firstMap.ts"
import * as Nodes from "../src/Nodes.ts"
import * as PubSub from "../src/PubSub.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as RedisError from "../src/RedisError.ts"
import * as Scan from "../src/Scan.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import type * as Topology from "../src/Topology.ts"
import { clientOf, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster } from "./support/ScriptedCluster.ts"
import { confirmation } from "./support/subscribers.ts"

const [a, b, c] = ["a:7000", "b:7000", "c:7000"]

const setAccepts = (cluster: ScriptedCluster, accepts: "all" | "none" | "neither"): void => {
  for (const node of cluster.nodes.values()) node.accepts = accepts
}

/** Three nodes that nobody can reach yet. */
const away = (accepts: "none" | "neither" = "none") => {
  const nodes = threeNodes()
  setAccepts(nodes.cluster, accepts)
  const come = Effect.suspend(() => {
    setAccepts(nodes.cluster, "all")
    return advance("4 seconds")
  })
  return { ...nodes, come }
}

/** A client of them that was started at once. */
const started = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = away()
  return { ...nodes, ...yield* clientOf(nodes.cluster, { startWhileAway: "atOnce", ...options }) }
})

const reasonOf = ({ delivery, reason }: RedisError.RedisError) => [reason._tag, delivery]

const isWaiting = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.pollUnsafe() === undefined

describe("a layer that is built while Redis is away", () => {
  it.effect("fails if nothing else is said", () =>
    Effect.gen(function*() {
      const { cluster } = away()
      const error = yield* Effect.flip(cluster.provide(RedisCluster.make({ nodes: [a] })))
      assert.deepStrictEqual(reasonOf(error), ["DiscoveryFailed", "NotSent"])
      assert.include(error.message, "a:7000 refused the connection")
    }))

  it.effect("waits until Redis is there, if that is said", () =>
    Effect.gen(function*() {
      const { cluster, come } = away()
      const built = yield* start(cluster.provide(RedisCluster.make({ nodes: [a], startWhileAway: "wait" })))
      yield* advance("10 seconds")
      assert.isTrue(isWaiting(built))
      assert.isAtMost(cluster.node(a).dialed.length, 20)
      yield* come
      const service = yield* Fiber.join(built)
      assert.strictEqual((yield* service.topology.current).assigned, 16384)
      assert.strictEqual((yield* service.health).status, "Ready")
    }))

  it.effect("waits for as long as the policy is patient, and then tells why", () =>
    Effect.gen(function*() {
      const { cluster } = away()
      const redirects = RedirectPolicy.make(Schedule.spaced("1 second"), { within: "3 seconds" })
      const options = { nodes: [a], startWhileAway: "wait", redirects } as const
      const built = yield* start(Effect.flip(cluster.provide(RedisCluster.make(options))))
      yield* advance("2900 millis")
      assert.isTrue(isWaiting(built))
      yield* advance("200 millis")
      const error = yield* Fiber.join(built)
      assert.deepStrictEqual(reasonOf(error), ["DiscoveryFailed", "NotSent"])
      assert.include(error.message, "a:7000 refused the connection")
      const before = cluster.node(a).dialed.length
      yield* advance("5 seconds")
      assert.strictEqual(cluster.node(a).dialed.length, before)
    }))

  it.effect("waits for as long as a schedule without a time goes on", () =>
    Effect.gen(function*() {
      const { cluster } = away()
      const redirects = RedirectPolicy.make(Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(4)]))
      const options = { nodes: [a], startWhileAway: "wait", redirects } as const
      const built = yield* start(Effect.flip(cluster.provide(RedisCluster.make(options))))
      yield* advance("3900 millis")
      assert.isTrue(isWaiting(built))
      yield* advance("200 millis")
      assert.deepStrictEqual(reasonOf(yield* Fiber.join(built)), ["DiscoveryFailed", "NotSent"])
    }))

  it.effect("waits for nothing under a policy that never tries again", () =>
    Effect.gen(function*() {
      const { cluster } = away()
      const options = { nodes: [a], startWhileAway: "wait", redirects: RedirectPolicy.none } as const
      const error = yield* Effect.flip(cluster.provide(RedisCluster.make(options)))
      assert.include(error.message, "a:7000 refused the connection")
      const present = threeNodes()
      yield* present.cluster.provide(RedisCluster.make(options))
    }))

  it.effect("waits by its own policy, whatever that of the region is in which it is built", () =>
    Effect.gen(function*() {
      const { cluster, come } = away()
      const building = cluster.provide(RedisCluster.make({ nodes: [a], startWhileAway: "wait" }))
      const built = yield* start(RedirectPolicy.provide(building, RedirectPolicy.none))
      yield* advance("1 second")
      assert.isTrue(isWaiting(built))
      yield* come
      assert.strictEqual((yield* (yield* Fiber.join(built)).health).status, "Ready")
    }))

  it.effect("can be interrupted while it waits, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const { cluster } = away("neither")
      const scope = yield* Scope.make()
      const make = cluster.provide(RedisCluster.make({ nodes: [a], startWhileAway: "wait" }))
      const built = yield* start(Scope.provide(make, scope))
      yield* advance("2 seconds")
      yield* Fiber.interrupt(built)
      yield* Scope.close(scope, Exit.void)
      const before = cluster.node(a).dialed.length
      yield* advance("10 seconds")
      assert.strictEqual(cluster.node(a).dialed.length, before)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect.each(["no", "", true, {}, "Wait"])(
    "has to be told one of three words: %j",
    (word) =>
      Effect.gen(function*() {
        const { cluster } = threeNodes()
        const options = { nodes: [a], startWhileAway: word as "wait" }
        const error = yield* Effect.flip(cluster.provide(RedisCluster.make(options)))
        assert.deepStrictEqual(reasonOf(error), ["InvalidArgument", "NotSent"])
        for (const known of ["fail", "wait", "atOnce"]) assert.include(error.message, known)
      })
  )

  it.effect("at once tells wrong options all the same", () =>
    Effect.gen(function*() {
      const { cluster } = away()
      const options = { nodes: ["no address"], startWhileAway: "atOnce" } as const
      assert.strictEqual(
        (yield* Effect.flip(cluster.provide(RedisCluster.make(options)))).reason._tag,
        "InvalidArgument"
      )
    }))
})

describe("what is asked of a client before it knows the map", () => {
  it.effect("waits, whatever it is, and is answered", () =>
    Effect.gen(function*() {
      const { cluster, come, run, service } = yield* started()
      for (const node of cluster.nodes.values()) {
        node.on("DBSIZE", Reply.integer(1)).on("MGET", Reply.array([Reply.bulk(node.key)]))
          .on("SUBSCRIBE", ([name]) => confirmation("subscribe", name)).on("SSUBSCRIBE", ([name]) =>
            confirmation("ssubscribe", name))
          .on("BLPOP", Reply.array([Reply.bulk(keyOfA), Reply.bulk(node.key)]))
          .on("MULTI", Reply.simple("OK")).on("EXEC", Reply.array([Reply.bulk("in a transaction")]))
          .on("EVALSHA", Reply.integer(7)).on("WAIT", Reply.integer(1))
          .on("PUBLISH", Reply.integer(0)).on("SPUBLISH", Reply.integer(0))
          .on("ECHO", ([text]) =>
            Reply.bulk(text))
      }
      const asked: Readonly<Record<string, Effect.Effect<unknown, Redis.RedisError>>> = {
        "a read": run(Redis.get(keyOfA)),
        "a write": run(Redis.set(keyOfB, "1")),
        "a command without a key": run(Redis.publish("news", "1")),
        "a command for all": run(Redis.dbsize()),
        "keys of several slots": run(Redis.mget([keyOfA, keyOfB, keyOfC])),
        "a pipeline": run(Redis.pipeline([Redis.get(keyOfA), Redis.dbsize(), Redis.get(keyOfC)])),
        "results": run(Redis.pipeline([Redis.get(keyOfA), Redis.mget([keyOfA, keyOfC])], { mode: "result" })),
        "a command that blocks": run(Redis.blpop([keyOfA], "1 second")),
        "a session": run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))),
        "a session that is run again": run(Session.use({ keys: keyOfA }, Redis.get(keyOfA), { rerun: true })),
        "replication": run(Redis.set(keyOfA, "1").pipe(Redis.ensureReplication({ replicas: 1, within: "1 second" }))),
        "a subscription": run(Effect.scoped(PubSub.listen({ channels: ["news"] }))),
        "a sharded subscription": run(Effect.scoped(PubSub.listen({ shardChannels: [keyOfA] }))),
        "each node": run(Nodes.execute("all", Redis.echo("hi"))),
        "one node": run(Nodes.executeOn(b, Redis.echo("hi"))),
        "a visit": run(Stream.runCollect(Nodes.visit("primaries", Redis.echo("hi")))),
        "the map": service.refresh
      }
      const { "the map": _, ...waiting } = asked
      const fibers = yield* Effect.forEach(Object.entries(waiting), ([name, effect]) =>
        Effect.map(start(Effect.result(effect)), (fiber) =>
          [name, fiber] as const))
      yield* advance("5 seconds")
      assert.deepStrictEqual(
        fibers.filter(([, fiber]) =>
          !isWaiting(fiber)
        ).map(([name]) => name),
        []
      )
      assert.strictEqual((yield* service.stats).waiting, fibers.length)
      yield* come
      for (const [name, fiber] of fibers) {
        const result = yield* Fiber.join(fiber)
        assert.isTrue(Result.isSuccess(result), `${name}: ${Result.isFailure(result) && result.failure.message}`)
      }
      assert.strictEqual((yield* service.stats).waiting, 0)
      assert.deepStrictEqual(yield* run(Redis.get(keyOfC)), c)
    }))

  it.effect("ends when patience does, unsent, with the reason why the map can't be learnt", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* started()
      const asked = [
        run(Redis.get(keyOfA)),
        run(Redis.dbsize()),
        run(Redis.mget([keyOfA, keyOfC])),
        run(Redis.pipeline([Redis.get(keyOfA), Redis.get(keyOfC)])),
        run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))),
        run(Effect.scoped(PubSub.listen({ channels: ["news"] }))),
        run(Stream.runCollect(Nodes.visit("primaries", Redis.echo("hi")))),
        run(Nodes.execute("all", Redis.echo("hi"))),
        run(Nodes.executeOn(a, Redis.echo("hi"))),
        run(Stream.runCollect(Scan.keys())),
        run(Stream.runCollect(Scan.items((cursor) => Redis.sscan("s", cursor))))
      ]
      const fibers = yield* Effect.forEach(
        asked,
        (effect) => start(Effect.flip(effect as Effect.Effect<unknown, Redis.RedisError>))
      )
      yield* advance("24900 millis")
      assert.deepStrictEqual(fibers.map(isWaiting), fibers.map(() => true))
      yield* advance("200 millis")
      for (const fiber of fibers) {
        assert.isFalse(isWaiting(fiber))
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual(reasonOf(error), ["DiscoveryFailed", "NotSent"])
        assert.include(error.message, "a:7000 refused the connection")
      }
      assert.isAtMost(cluster.node(a).dialed.length, 50)
    }))

  it.effect("fails at once under a policy that never tries again", () =>
    Effect.gen(function*() {
      const { run } = yield* started()
      const asked = [
        run(Redis.get(keyOfA)),
        run(Redis.pipeline([Redis.get(keyOfA)])),
        run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))),
        run(Effect.scoped(PubSub.listen({ channels: ["news"] })))
      ]
      for (const each of asked) {
        const asks = each as Effect.Effect<unknown, Redis.RedisError>
        const error = yield* Effect.flip(RedirectPolicy.provide(asks, RedirectPolicy.none))
        assert.deepStrictEqual(reasonOf(error), ["DiscoveryFailed", "NotSent"])
      }
    }))

  it.effect("is told if it is wrong, without a wait", () =>
    Effect.gen(function*() {
      const { run } = yield* started()
      const wrong = [
        run(Redis.get(undefined as unknown as string)),
        run(Redis.command("WATCH", ["a"])),
        run(Redis.pipeline([Redis.get(keyOfA), Redis.get({} as string)])),
        run(Session.use({ keys: [] }, Redis.get(keyOfA))),
        run(Nodes.executeOn("no address", Redis.echo("hi"))),
        run(Effect.scoped(PubSub.listen({ channels: [] })))
      ]
      for (const each of wrong) {
        const error = yield* Effect.flip(each as Effect.Effect<unknown, Redis.RedisError>)
        assert.deepStrictEqual(reasonOf(error), ["InvalidArgument", "NotSent"])
      }
    }))

  it.effect("has its own deadline, which is part of the time it waits", () =>
    Effect.gen(function*() {
      const { a: node, come, run } = yield* started()
      const early = yield* start(Effect.flip(run(Redis.get(keyOfA).pipe(Command.timeout("500 millis")))))
      const late = yield* start(Effect.flip(run(Redis.get(keyOfA).pipe(Command.timeout("8 seconds")))))
      const both = yield* start(run(Redis.pipeline([
        Redis.get(keyOfA).pipe(Command.timeout("1 second")),
        Redis.get(keyOfA).pipe(Command.timeout("1 minute"))
      ], { mode: "result" })))
      yield* advance("510 millis")
      const error = yield* Fiber.join(early)
      assert.deepStrictEqual(reasonOf(error), ["Timeout", "NotSent"])
      assert.include(error.message, "a:7000 refused the connection")
      yield* advance("1500 millis")
      node.on("GET", "hold")
      yield* come
      yield* advance("2 seconds")
      assert.strictEqual(node.count("GET bar"), 2)
      assert.deepStrictEqual(reasonOf(yield* Fiber.join(late)), ["Timeout", "MaybeExecuted"])
      yield* advance("60 seconds")
      const results = yield* Fiber.join(both)
      const failures = results.map((result) => reasonOf(Result.getOrThrow(Result.flip(result))))
      assert.deepStrictEqual(failures[0], ["Timeout", "NotSent"])
    }))

  it.effect("has its own deadline, too, if it goes to several nodes then", () =>
    Effect.gen(function*() {
      const { cluster, come, run } = yield* started()
      for (const node of cluster.nodes.values()) node.on("MGET", "hold").on("DBSIZE", "hold")
      const timeout = Command.timeout("6 seconds")
      const parts = yield* start(Effect.flip(run(Redis.mget([keyOfA, keyOfB]).pipe(timeout))))
      const all = yield* start(Effect.flip(run(Redis.dbsize().pipe(timeout))))
      yield* advance("1 second")
      yield* come
      assert.isTrue(isWaiting(parts) && isWaiting(all))
      yield* advance("1100 millis")
      assert.strictEqual((yield* Fiber.join(parts)).reason._tag, "Timeout")
      assert.strictEqual((yield* Fiber.join(all)).reason._tag, "Timeout")
    }))

  it.effect("goes out in the order in which it came, as many as there are", () =>
    Effect.gen(function*() {
      const { a: node, come, run, service } = yield* started()
      const count = 3000
      const fibers = yield* Effect.forEach(
        Array.from({ length: count }, (_, n) => n),
        (n) =>
          start(run<unknown, Redis.RedisError, Redis.Redis>(
            n % 3 === 0
              ? Redis.pipeline([Redis.set(keyOfA, `${n}`), Redis.set(keyOfA, `${n}, too`)])
              : Redis.set(keyOfA, `${n}`)
          ))
      )
      assert.strictEqual((yield* service.stats).waiting, count)
      yield* come
      for (const fiber of fibers) yield* Fiber.join(fiber)
      const sent = node.commands.filter((line) => line.startsWith("SET")).map((line) => Number.parseInt(line.slice(8)))
      assert.deepStrictEqual(sent, sent.toSorted((x, y) => x - y))
      assert.strictEqual(sent.length, count + count / 3)
    }))

  it.effect("costs the nodes nothing, even if it is twenty thousand commands", () =>
    Effect.gen(function*() {
      const { cluster, come, run, service } = yield* started()
      const count = 20_000
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), count)
      yield* advance("10 seconds")
      assert.strictEqual((yield* service.stats).waiting, count)
      const tries = cluster.node(a).dialed.length
      yield* come
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), a)
      assert.isAtMost(tries, 30)
      assert.strictEqual(cluster.node(a).count("GET bar"), count)
    }))

  it.effect("is not sent if it is interrupted", () =>
    Effect.gen(function*() {
      const { a: node, come, run, service } = yield* started()
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 2000)
      for (const fiber of fibers.slice(1)) yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* service.stats).waiting, 1)
      yield* come
      assert.strictEqual(yield* Fiber.join(fibers[0]), a)
      assert.strictEqual(node.count("GET bar"), 1)
    }))

  it.effect("is limited as that which waits for nodes", () =>
    Effect.gen(function*() {
      const { come, run } = yield* started({ maxWaiting: 2 })
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 2)
      const error = yield* Effect.flip(run(Redis.get(keyOfA)))
      assert.deepStrictEqual(reasonOf(error), ["Overloaded", "NotSent"])
      yield* come
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), a)
    }))

  it.effect("ends with the client", () =>
    Effect.gen(function*() {
      const { cluster } = away()
      const scope = yield* Scope.make()
      const { run, service } = yield* Scope.provide(clientOf(cluster, { startWhileAway: "atOnce" }), scope)
      const asked = [
        run(Redis.get(keyOfA)),
        run(Redis.pipeline([Redis.get(keyOfA)])),
        run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))),
        run(Effect.scoped(PubSub.listen({ channels: ["news"] })))
      ]
      const fibers = yield* Effect.forEach(asked, (effect) =>
        start(Effect.flip(effect as Effect.Effect<unknown, Redis.RedisError>)))
      yield* advance("2 seconds")
      yield* Scope.close(scope, Exit.void)
      yield* settle
      for (const fiber of fibers) {
        assert.isFalse(isWaiting(fiber))
        assert.deepStrictEqual(reasonOf(yield* Fiber.join(fiber)), ["Closed", "NotSent"])
      }
      assert.deepStrictEqual(reasonOf(yield* Effect.flip(run(Redis.get(keyOfA)))), ["Closed", "NotSent"])
      assert.strictEqual((yield* service.health).status, "Closed")
    }))

  it.effect("waits although the password is wrong, which may be changed, and is told so", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      const denied = Reply.error("WRONGPASS invalid username-password pair or user is disabled.")
      for (const node of nodes.cluster.nodes.values()) node.on("HELLO", denied)
      const { run, service } = yield* clientOf(nodes.cluster, { startWhileAway: "atOnce" })
      const told = yield* start(Stream.runCollect(Stream.take(service.failures, 1)))
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* advance("5 seconds")
      const { problem, status } = yield* service.health
      assert.strictEqual(status, "Starting")
      assert.include(problem?.message, "WRONGPASS")
      assert.include((yield* Fiber.join(told))[0].error.message, "WRONGPASS")
      const greeting = Reply.map([[Reply.bulk("proto"), Reply.integer(3)]])
      for (const node of nodes.cluster.nodes.values()) node.on("HELLO", greeting)
      yield* advance("4 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), a)
    }))

  it.effect("does not know whether keys share a slot before the source does", () =>
    Effect.gen(function*() {
      const map = Result.getOrThrow(SlotMap.make([{ primary: Address.tcp("a", 7000), slots: [[0, 16383]] }]))
      let isThere = false
      const failure = new RedisError.RedisError({
        reason: new RedisError.DiscoveryFailed({ attempts: [{ node: a, problem: "not yet" }] }),
        delivery: "NotSent",
        attempts: 0
      })
      const discovery: { oneSlot?: boolean; learn: Topology.Discovery["learn"] } = {
        learn: Effect.suspend(() => isThere ? Effect.succeed(map) : Effect.fail(failure))
      }
      const { cluster } = threeNodes()
      cluster.node(a).on("SINTER", Reply.array([Reply.bulk("both")]))
      const context = yield* cluster.provide(Layer.build(
        RedisCluster.layerFromSource({ open: Effect.succeed(discovery) }, { startWhileAway: "atOnce" })
      ))
      const fiber = yield* start(Effect.provide(Redis.sinter([keyOfA, keyOfC]), context))
      yield* advance("2 seconds")
      assert.isTrue(isWaiting(fiber))
      isThere = true
      discovery.oneSlot = false
      yield* advance("2 seconds")
      assert.deepStrictEqual([...yield* Fiber.join(fiber)], ["both"])
    }))
})

describe("who waits for the first map", () => {
  it.effect("goes on in the order in which it came, also if a schedule decides how long it waits", () =>
    Effect.gen(function*() {
      const firstMap = new FirstMap({
        clock: yield* Clock.Clock,
        soon: queueMicrotask,
        report: () => {},
        fork: Effect.runForkWith(yield* Effect.context<never>()),
        problem: () => new RedisError.RedisError({ reason: new RedisError.Closed(), delivery: "NotSent", attempts: 0 }),
        maxWaiting: Infinity
      })
      const gone: Array<string> = []
      const come = (name: string, policy: RedirectPolicy.RedirectPolicy) =>
        start(Effect.andThen(firstMap.wait(policy, Infinity), Effect.sync(() => gone.push(name))))
      const everySecond = RedirectPolicy.make(Schedule.spaced("1 second"))
      yield* come("first", everySecond)
      yield* advance("500 millis")
      yield* come("second", everySecond)
      yield* come("third", RedirectPolicy.standard)
      yield* advance("700 millis")
      firstMap.arrived()
      yield* settle
      assert.deepStrictEqual(gone, ["first", "second", "third"])
    }))

  it.effect("goes on in portions, and those who come meanwhile behind them", () =>
    Effect.gen(function*() {
      const tasks: Array<() => void> = []
      const firstMap = new FirstMap({
        clock: yield* Clock.Clock,
        soon: (task) => tasks.push(task),
        report: () => {},
        fork: Effect.runForkWith(yield* Effect.context<never>()),
        problem: () => {
          throw new Error("nobody asks why")
        },
        maxWaiting: Infinity
      })
      const gone: Array<number> = []
      const come = (n: number) =>
        start(Effect.andThen(firstMap.wait(RedirectPolicy.standard, Infinity), Effect.sync(() => gone.push(n))))
      const count = 3000
      for (let n = 0; n < count; n++) yield* come(n)
      firstMap.arrived()
      assert.isBelow(gone.length, count)
      assert.isFalse(firstMap.isThere)
      for (let n = count; !firstMap.isThere; n++) {
        yield* come(n)
        tasks.shift()?.()
      }
      assert.deepStrictEqual(gone, Array.from(gone.keys()))
      assert.strictEqual(firstMap.count, 0)
      assert.isAtMost(gone.length, count + 10)
      yield* come(gone.length)
      assert.deepStrictEqual(gone, Array.from(gone.keys()))
    }))
})

describe("health", () => {
  it.effect("tells why nothing is known, then that all is well, then who is away", () =>
    Effect.gen(function*() {
      const { b: node, come, run, service } = yield* started()
      yield* advance("1 second")
      const starting = yield* service.health
      assert.strictEqual(starting.status, "Starting")
      assert.include(starting.problem?.message, "a:7000 refused the connection")
      yield* come
      assert.deepStrictEqual(yield* service.health, { status: "Ready", problem: undefined, unserved: [], away: [] })
      assert.strictEqual(yield* run(Redis.get(keyOfB)), b)
      const questions = node.connections.length
      for (let n = 0; n < 100; n++) yield* service.health
      assert.strictEqual(node.connections.length, questions)
      node.accepts = "none"
      node.drop()
      const fiber = yield* start(run(Redis.get(keyOfB)))
      yield* advance("2 seconds")
      const { away, status, unserved } = yield* service.health
      assert.strictEqual(status, "Degraded")
      assert.deepStrictEqual(unserved, [{ start: 5461, end: 10922 }])
      assert.deepStrictEqual(away.map(({ node, reason, role }) => [node, role, reason._tag]), [[
        b,
        "primary",
        "ConnectionFailed"
      ]])
      node.accepts = "all"
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), b)
      assert.strictEqual((yield* service.health).status, "Ready")
    }))

  it.effect("tells slots that nobody serves, and nodes that say that they can't", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.cluster.slots = [[0, 5460, a], [5461, 10922, b], [11000, 16383, c]]
      const { run, service } = yield* clientOf(nodes.cluster)
      const unserved = { start: 10923, end: 10999 }
      assert.deepStrictEqual((yield* service.health).unserved, [unserved])
      nodes.b.on("GET", Reply.error("LOADING Redis is loading the dataset in memory"))
      const fiber = yield* start(run(Redis.get(keyOfB)))
      yield* advance("1 second")
      const health = yield* service.health
      assert.deepStrictEqual(health.unserved, [{ start: 5461, end: 10999 }])
      assert.deepStrictEqual(health.away.map(({ node, reason }) => [node, reason._tag]), [[b, "ClusterDown"]])
      nodes.b.on("GET", Reply.bulk(b))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), b)
      assert.deepStrictEqual((yield* service.health).unserved, [unserved])
    }))

  it.effect("is well with a replica away, which is told", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      nodes.cluster.slots = [[0, 16383, a, b]]
      const { run, service } = yield* clientOf(nodes.cluster, { readFrom: "preferReplica" })
      nodes.b.accepts = "none"
      nodes.b.drop()
      for (let n = 0; n < 5; n++) yield* Effect.andThen(run(Redis.get(keyOfA)), advance("500 millis"))
      const { away, status, unserved } = yield* service.health
      assert.deepStrictEqual([status, unserved], ["Ready", []])
      assert.deepStrictEqual(away.map(({ node, role }) => [node, role]), [[b, "replica"]])
    }))

  it.effect("tells a map that is not learnt any more", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      const { service } = yield* clientOf(nodes.cluster)
      for (const node of nodes.cluster.nodes.values()) node.on("CLUSTER SLOTS", Reply.error("ERR no"))
      yield* Effect.ignore(service.refresh)
      assert.include((yield* service.health).problem?.message, "ERR no")
      assert.strictEqual((yield* service.health).status, "Ready")
    }))
})

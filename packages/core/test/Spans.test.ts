import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import { connected, onNodesOf, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

/** A client whose commands make spans, and those spans. */
const traced = Effect.fnUntraced(function*() {
  const nodes = yield* connected({ commandTimeout: "1 second" })
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const run = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
    nodes.run(Effect.provideService(effect, Tracer.Tracer, tracer))
  /** The attributes of the only span. */
  const told = (): Record<string, unknown> => {
    const [span, ...others] = spans.splice(0)
    assert.deepStrictEqual(others, [])
    return { name: span.name, ...Object.fromEntries(span.attributes) }
  }
  return { ...nodes, run, told }
})

const ofA = { "db.system.name": "redis", "network.peer.address": "a:7000", "db.redis.slot": slotOfA }

describe("the span of a command", () => {
  it.effect("names the node that answered, and the slot", () =>
    Effect.gen(function*() {
      const { run, told } = yield* traced()
      yield* run(Redis.get(keyOfA))
      assert.deepStrictEqual(told(), { name: "GET", "db.operation.name": "GET", ...ofA })
    }))

  it.effect("names the node that a redirect led to", () =>
    Effect.gen(function*() {
      const { a, run, told } = yield* traced()
      a.on("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      yield* run(Redis.get(keyOfA))
      assert.deepStrictEqual(told(), {
        name: "GET",
        "db.operation.name": "GET",
        ...ofA,
        "network.peer.address": "b:7000"
      })
    }))

  it.effect("names them of one that blocks, and no slot without keys", () =>
    Effect.gen(function*() {
      const { a, run, told } = yield* traced()
      a.on("BLPOP", Reply.nullArray)
      yield* run(Redis.blpop([keyOfA], "1 second"))
      assert.deepStrictEqual(told(), { name: "BLPOP", "db.operation.name": "BLPOP", ...ofA })
      yield* run(Redis.ping())
      assert.notProperty(told(), "db.redis.slot")
    }))

  it.effect("says of a failure what it is, and where", () =>
    Effect.gen(function*() {
      const { a, run, told } = yield* traced()
      a.on("GET", Reply.error("WRONGTYPE Operation against a key"))
      yield* Effect.flip(run(Redis.get(keyOfA)))
      assert.deepStrictEqual(told(), {
        name: "GET",
        "db.operation.name": "GET",
        ...ofA,
        "error.type": "ServerError",
        "db.response.status_code": "WRONGTYPE",
        "db.redis.delivery": "Rejected"
      })
      a.on("GET", "hold")
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("1200 millis")
      yield* Fiber.join(fiber)
      assert.deepInclude(told(), { ...ofA, "error.type": "Timeout", "db.redis.delivery": "MaybeExecuted" })
    }))

  it.effect("about the whole cluster names all nodes, in a pipeline too, and that which failed", () =>
    Effect.gen(function*() {
      const { b, cluster, run, told } = yield* traced()
      for (const node of cluster.nodes.values()) node.on("DBSIZE", Reply.integer(1))
      const all = { "db.redis.nodes": ["a:7000", "b:7000", "c:7000"] }
      yield* run(Redis.dbsize())
      assert.deepInclude(told(), { name: "DBSIZE", ...all })
      yield* run(Redis.pipeline([Redis.get(keyOfA), Redis.dbsize()]))
      assert.deepInclude(told(), { name: "PIPELINE", ...all })
      b.on("DBSIZE", Reply.error("NOPERM this user has no permissions to run the 'dbsize' command"))
      yield* Effect.flip(run(Redis.dbsize()))
      const { "db.redis.nodes": others, ...failed } = told()
      assert.isUndefined(others)
      assert.deepInclude(failed, { "network.peer.address": "b:7000", "error.type": "ServerError" })
    }))

  it.effect("that is sent to one node, or to each, names them, and what failed", () =>
    Effect.gen(function*() {
      const { b, cluster, run, service, told } = yield* traced()
      for (const node of cluster.nodes.values()) node.on("DBSIZE", Reply.integer(1))
      const { address } = service.topology.currentUnsafe().shards[0].primary!
      yield* run(onNodesOf(service).executeOn(address, Redis.get(keyOfA)))
      assert.deepStrictEqual(told(), { name: "GET", "db.operation.name": "GET", ...ofA })
      b.on("DBSIZE", Reply.error("NOPERM this user has no permissions to run the 'dbsize' command"))
      yield* run(onNodesOf(service).executeEach(Redis.dbsize(), "primaries"))
      assert.deepStrictEqual(told(), {
        name: "DBSIZE",
        "db.system.name": "redis",
        "db.operation.name": "DBSIZE",
        "db.redis.nodes": ["a:7000", "b:7000", "c:7000"],
        "error.type": "ServerError",
        "db.response.status_code": "NOPERM",
        "db.redis.delivery": "Rejected"
      })
      const nowhere = Address.tcp("nowhere", 1)
      cluster.node(nowhere.key).accepts = "none"
      yield* Effect.flip(run(onNodesOf(service).executeOn(nowhere, Redis.get(keyOfA))))
      assert.deepInclude(told(), { "network.peer.address": nowhere.key, "error.type": "ConnectionFailed" })
    }))

  it.effect("of a pipeline names its nodes, its slot if it has one, and the first failure", () =>
    Effect.gen(function*() {
      const { a, run, told } = yield* traced()
      const ofPipeline = {
        name: "PIPELINE",
        "db.system.name": "redis",
        "db.operation.name": "PIPELINE",
        "db.operation.batch.size": 2
      }
      yield* run(Redis.pipeline([Redis.get(keyOfA), Redis.set(keyOfA, "1")]))
      assert.deepStrictEqual(told(), { ...ofPipeline, ...ofA })
      yield* run(Redis.pipeline([Redis.get(keyOfA), Redis.get(keyOfB)]))
      assert.deepStrictEqual(told(), { ...ofPipeline, "db.redis.nodes": ["a:7000", "b:7000"] })
      a.on("GET", Reply.error("WRONGTYPE Operation against a key"))
      yield* run(Redis.pipeline([Redis.get(keyOfA), Redis.set(keyOfA, "1")], { mode: "result" }))
      assert.deepInclude(told(), { ...ofPipeline, ...ofA, "error.type": "ServerError" })
    }))
})

describe("the message of a Timeout", () => {
  const hold = Effect.fnUntraced(function*(command: Command.Any) {
    const { a, run } = yield* connected({ commandTimeout: "2 seconds" })
    for (const name of ["GET", "BLPOP"]) a.on(name, "hold")
    const fiber = yield* start(Effect.flip(run(command)))
    yield* advance("10 seconds")
    return (yield* Fiber.join(fiber)).message
  })

  it.effect.each(
    [
      ["of 2 s", Redis.get(keyOfA)],
      ["of 250 ms", Redis.get(keyOfA).pipe(Command.timeout("250 millis"))],
      ["of 7 s", Redis.blpop([keyOfA], "5 seconds")]
    ] as const
  )("names the time that the command had: %s", ([time, command]) =>
    Effect.gen(function*() {
      assert.include(yield* hold(command), `its deadline ${time} passed while it waited for the reply`)
    }))

  it.effect("names it between two tries, and of a command on one node", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected({ commandTimeout: "2 seconds" })
      a.on("GET", Reply.error("LOADING Redis is loading the dataset in memory"))
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("3 seconds")
      assert.include((yield* Fiber.join(fiber)).message, "its deadline of 2 s passed while it waited for another try")
      a.on("GET", "hold")
      const node = service.client.router.cluster.topology.currentUnsafe().shards[0].primary!.address
      const one = yield* start(Effect.flip(onNodesOf(service).executeOn(node, Redis.get(keyOfA))))
      yield* advance("3 seconds")
      assert.include((yield* Fiber.join(one)).message, "its deadline of 2 s passed while it waited for the reply")
    }))
})

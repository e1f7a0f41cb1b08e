import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Command from "../src/Command.ts"
import * as CommandSpec from "../src/CommandSpec.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import { connected as connectedToThree, onNodesOf } from "./support/client.ts"
import { advance } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script } from "./support/ScriptedCluster.ts"

const connected = Effect.fnUntraced(function*(name: string, answers: ReadonlyArray<Script>) {
  const client = yield* connectedToThree()
  const all = [client.a, client.b, client.c]
  all.forEach((node, i) => node.on(name, answers[i]))
  return { ...client, all }
})

const integers = (...values: ReadonlyArray<number>) => values.map((value) => Reply.integer(value))
const list = (...items: ReadonlyArray<number>) => Reply.array(integers(...items))

describe("a command about the whole cluster", () => {
  it.effect("asks every primary and adds up what they count", () =>
    Effect.gen(function*() {
      const { all, service } = yield* connected("DBSIZE", integers(1, 20, 300))
      assert.strictEqual(yield* service.execute(Redis.command("DBSIZE")), 321)
      assert.deepStrictEqual(all.map((node) => node.count("DBSIZE")), [1, 1, 1])
    }))

  it.effect("asks no replica what primaries know", () =>
    Effect.gen(function*() {
      const { a, cluster, service } = yield* connected("DBSIZE", integers(1, 2, 3))
      cluster.slots = [[0, 16383, "a:7000", "b:7000", "c:7000"]]
      yield* service.refresh
      assert.strictEqual(yield* service.execute(Redis.command("DBSIZE")), 1)
      assert.strictEqual(a.count("DBSIZE"), 1)
    }))

  it.effect("puts lists one after the other", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("KEYS", [list(1, 2), list(), list(3)])
      assert.deepStrictEqual(yield* service.execute(Redis.command("KEYS", ["*"])), [1, 2, 3])
    }))

  it.effect("says yes, answer by answer, where all nodes do", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("SCRIPT EXISTS", [list(1, 1, 0), list(1, 0, 0), list(1, 1, 1)])
      assert.deepStrictEqual(yield* service.execute(Redis.command("SCRIPT EXISTS", ["x", "y", "z"])), [1, 0, 0])
    }))

  it.effect("fails when one node fails, and names it (trap 24)", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", [Reply.integer(1), Reply.error("NOPERM no"), Reply.integer(3)])
      const error = yield* Effect.flip(service.execute(Redis.command("DBSIZE")))
      assert.deepStrictEqual([error.node, error.delivery], ["b:7000", "Rejected"])
      assert.include(error.message, "NOPERM")
    }))

  it.effect.each([
    Reply.error("READONLY You can't write against a read only replica."),
    "drop" as const
  ])("has the map learnt anew when the fault lies there (trap 23)", (fault) =>
    Effect.gen(function*() {
      const ok = Reply.simple("OK")
      const { cluster, service } = yield* connected("FLUSHALL", [ok, fault, ok])
      const before = cluster.questions
      const result = yield* Effect.result(
        service.execute(Redis.command("FLUSHALL")).pipe(RedirectPolicy.provide(RedirectPolicy.none))
      )
      assert.isTrue(Result.isFailure(result))
      yield* advance("100 millis")
      assert.isAbove(cluster.questions, before)
    }))

  it.effect("asked of each node fails for none: what became of it is data", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", [Reply.integer(1), "drop", Reply.integer(3)])
      const results = yield* onNodesOf(service).executeEach(Redis.command("DBSIZE"), "all")
      assert.deepStrictEqual(results.map(({ address, result }) => [address.key, result._tag]), [
        ["a:7000", "Success"],
        ["b:7000", "Failure"],
        ["c:7000", "Success"]
      ])
    }))
})

const utf8 = new TextEncoder()
const texts = (...items: ReadonlyArray<string>) => Reply.array(items.map((item) => Reply.bulk(item)))

describe("what becomes of the reply of a command about the whole cluster", () => {
  it.effect("map is applied once, to the reply of all nodes", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", integers(1, 20, 300))
      let calls = 0
      const mapped = Command.map(Redis.dbsize(), (size) => {
        calls++
        return size + 1
      })
      assert.strictEqual(yield* service.execute(mapped), 322)
      assert.strictEqual(yield* service.execute(Redis.dbsize().pipe(Command.map(String))), "321")
      assert.strictEqual(calls, 1)
    }))

  it.effect("map sees the keys of all nodes, one node's behind the other's", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("KEYS", [texts("a", "d"), texts(), texts("c")])
      const count = Redis.keys("*").pipe(Command.map((keys) => keys.length))
      assert.strictEqual(yield* service.execute(count), 3)
      assert.deepStrictEqual(yield* service.execute(Redis.keys("*")), ["a", "d", "c"])
    }))

  it.effect("schema and option are about the reply of all nodes", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("KEYS", [texts("1", "2"), texts("3"), texts("4")])
      const Four = Schema.Array(Schema.NumberFromString).check(Schema.isMinLength(4))
      assert.deepStrictEqual(yield* service.execute(Redis.keys("*").pipe(Command.schema(Four))), [1, 2, 3, 4])
      const some = yield* service.execute(Redis.keys("*").pipe(Command.option))
      assert.deepStrictEqual(some, Option.some(["1", "2", "3", "4"]))
    }))

  it.effect("a schema that does not fit tells that all was executed", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("KEYS", [texts("1"), texts("x"), texts("3")])
      const error = yield* Effect.flip(
        service.execute(Redis.keys("*").pipe(Command.schema(Schema.Array(Schema.FiniteFromString))))
      )
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], ["DecodeFailed", "Executed", undefined])
    }))

  it.effect("bytes stay bytes, of every node", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("KEYS", [texts("a"), texts("b"), texts()])
      const keys = Redis.keys("*").pipe(Command.bytes, Command.map((keys) => [...keys]))
      assert.deepStrictEqual(yield* service.execute(keys), [utf8.encode("a"), utf8.encode("b")])
    }))

  it.effect("a command that was marked goes on being what it is", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", integers(1, 20, 300))
      const marked = Redis.dbsize().pipe(Command.map((n) => n + 1), Command.idempotent, Command.timeout("1 second"))
      assert.strictEqual(yield* service.execute(marked), 322)
    }))

  it.effect("a pipeline holds the same replies, and the others' too", () =>
    Effect.gen(function*() {
      const { run } = yield* connected("DBSIZE", integers(1, 20, 300))
      const [before, size, value] = yield* run(Redis.pipeline([
        Redis.get("bar"),
        Redis.dbsize().pipe(Command.map((n) => n + 1)),
        Redis.get("foo")
      ]))
      assert.deepStrictEqual([before, size, value], ["a:7000", 322, "c:7000"])
    }))

  it.effect("each node has its own when each is asked", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", integers(1, 20, 300))
      const results = yield* onNodesOf(service).executeEach(Redis.dbsize().pipe(Command.map((n) => n + 1)), "all")
      assert.deepStrictEqual(results.map(({ result }) => Result.getOrUndefined(result)), [2, 21, 301])
    }))

  it.effect("asked of nodes that are no selection is refused, and not done nowhere", () =>
    Effect.gen(function*() {
      const { all, service } = yield* connected("FLUSHALL", [
        Reply.simple("OK"),
        Reply.simple("OK"),
        Reply.simple("OK")
      ])
      for (const nodes of ["primary", "All", undefined, ["all"], 5]) {
        const exit = yield* Effect.exit(onNodesOf(service).executeEach(Redis.flushall(), nodes as "all"))
        assert.include(String(exit), `nodes has to be one of "primaries", "replicas", "all"`)
        assert.include(String(exit), "InvalidArgument")
      }
      assert.isTrue(all.every(({ commands }) => commands.length === 0))
    }))

  it.effect("dies once of a function that throws", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", integers(1, 20, 300))
      const broken = Redis.dbsize().pipe(Command.map((): number => {
        throw new Error("broken")
      }))
      const exit = yield* Effect.exit(service.execute(broken))
      assert.strictEqual(exit._tag === "Failure" && exit.cause.reasons.length, 1)
    }))

  it.effect("no is the answer of all when it is one node's", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("SCRIPT EXISTS", [list(1, 0), list(1, 1), list(0, 1)])
      const all = Redis.scriptExists(["x", "y"]).pipe(Command.map((each) => each.map((there) => `${there}`)))
      assert.deepStrictEqual(yield* service.execute(all), ["false", "false"])
    }))
})

const counts = (...items: ReadonlyArray<string | number>) =>
  Reply.array(items.map((item) => typeof item === "string" ? Reply.bulk(item) : Reply.integer(item)))

const ofAll = (response: CommandSpec.ResponsePolicy, decode = (value: unknown): unknown => value) =>
  Command.make({ ...CommandSpec.get("DBSIZE"), response }, [], decode)

const big = (value: bigint) => Reply.bigNumber(value)

describe("replies of several nodes as one", () => {
  it.effect.each(
    [
      ["AggSum", [list(1, 2), list(10, 20), list(100, 200)], [111, 222]],
      ["AggMin", integers(7, 3, 5), 3],
      ["AggMax", integers(3, 7, 5), 7],
      ["AggMin", [list(7, 1), list(3, 2), list(5, 3)], [3, 1]],
      ["AggLogicalAnd", integers(1, 0, 1), 0],
      ["AggLogicalAnd", integers(1, 1, 1), 1],
      ["AggLogicalOr", integers(0, 0, 1), 1],
      ["AggLogicalOr", [list(0, 0), list(0, 1), list(0, 0)], [0, 1]],
      ["AllSucceeded", [Reply.simple("OK"), Reply.simple("OK"), Reply.simple("OK")], "OK"],
      ["OneSucceeded", [Reply.error("NOTBUSY no"), Reply.simple("OK"), Reply.error("NOTBUSY no")], "OK"],
      ["Union", [texts("a", "b"), texts("b"), texts("c", "a")], ["a", "b", "c"]],
      ["Union", [texts(), Reply.nullArray, texts()], []],
      ["AggSum", [counts("x", 1, "y", 2), counts("x", 10, "y", 0), counts("x", 0, "y", 5)], ["x", 11, "y", 7]],
      ["AggSum", [list(), list(), list()], []],
      ["Default", [Reply.nullArray, list(1), list(2)], [1, 2]],
      ["Default", [Reply.nullArray, Reply.nullArray, Reply.nullArray], null],
      ["Default", [list(1), Reply.nullArray, list(2)], [1, 2]],
      ["Default", [list(), list(), list()], []],
      ["Default", [Reply.array([list(1)]), Reply.array([list(2)]), list()], [[1], [2]]],
      ["Default", [Reply.set(integers(1)), Reply.set(integers(2)), list()], [1, 2]],
      ["Default", [Reply.simple("PONG"), Reply.simple("PONG"), Reply.simple("PONG")], "PONG"]
    ] as const
  )("%s of %j is %j", ([policy, replies, expected]) =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", replies)
      assert.deepStrictEqual(yield* service.execute(ofAll(policy)), expected)
    }))

  it.effect("are one map of all of RESP3's maps, and one list of all of RESP2's", () =>
    Effect.gen(function*() {
      const pair = (key: string, value: number) => [Reply.bulk(key), Reply.integer(value)] as const
      const maps = [Reply.map([pair("a", 1)]), Reply.map([]), Reply.map([pair("b", 2)])]
      const lists = [Reply.array(pair("a", 1)), Reply.array([]), Reply.array(pair("b", 2))]
      const three = yield* connected("DBSIZE", maps)
      assert.deepStrictEqual(yield* three.service.execute(ofAll("Default")), new Map([["a", 1], ["b", 2]]))
      const two = yield* connected("DBSIZE", lists)
      assert.deepStrictEqual(yield* two.service.execute(ofAll("Default")), ["a", 1, "b", 2])
    }))

  it.effect("add up exactly beyond 2^53", () =>
    Effect.gen(function*() {
      const sum = Effect.fnUntraced(function*(...replies: ReadonlyArray<Script>) {
        const { service } = yield* connected("DBSIZE", replies)
        return yield* service.execute(Redis.command("DBSIZE"))
      })
      const most = Number.MAX_SAFE_INTEGER
      assert.strictEqual(yield* sum(...integers(most - 3, 1, 2)), most)
      assert.strictEqual(yield* sum(...integers(most, 1, 1)), BigInt(most) + 2n)
      assert.strictEqual(yield* sum(Reply.integer(2n ** 62n), ...integers(1, 2)), 2n ** 62n + 3n)
      assert.strictEqual(yield* sum(big(2n ** 60n), big(-(2n ** 60n)), Reply.integer(5)), 5)
      assert.strictEqual(yield* sum(Reply.double(0.5), ...integers(1, 2)), 3.5)
    }))

  it.effect("that are too large for a number fail as executed", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", integers(Number.MAX_SAFE_INTEGER, 1, 1))
      const error = yield* Effect.flip(service.execute(Redis.dbsize()))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["DecodeFailed", "Executed"])
    }))

  it.effect.each(
    [
      ["AggSum", [Reply.integer(1), Reply.bulk("2"), Reply.bulk("3")], "a number"],
      ["AggSum", [Reply.integer(1), Reply.null, Reply.integer(3)], "a number"],
      ["AggLogicalAnd", [list(1, 0), list(1), list(1, 1)], "an array of 2 numbers"],
      ["AggMin", [Reply.integer(1), list(1), Reply.integer(1)], "a number"],
      ["AggSum", [counts("x", 1), counts("y", 1), counts("x", 1)], "an array of 2 numbers"],
      ["AggSum", [counts("x", 1), list(1, 1), counts("x", 1)], "an array of 2 numbers"],
      ["Union", [texts("a"), Reply.simple("OK"), texts("a")], "an array of 1, as from another node"],
      ["Default", [list(1), Reply.simple("OK"), list(3)], "an array of 1, as from another node"]
    ] as const
  )(
    "of a form that does not go with %s are told with their node",
    ([policy, replies, expected]) =>
      Effect.gen(function*() {
        const { service } = yield* connected("DBSIZE", replies)
        const error = yield* Effect.flip(service.execute(ofAll(policy)))
        assert.deepStrictEqual([error.node, error.delivery], ["b:7000", "Executed"])
        assert.include(error.message, `expected ${expected} in the reply`)
      })
  )
})

describe("a command about the whole cluster that fails on a node", () => {
  const ok = Reply.simple("OK")

  it.effect("may have been executed on others, whatever that node says", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("FLUSHALL", [ok, Reply.error("NOPERM no"), ok])
      const error = yield* Effect.flip(service.execute(Redis.flushall()))
      assert.deepStrictEqual([error.node, error.delivery, error.command], ["b:7000", "MaybeExecuted", "FLUSHALL"])
      assert.include(error.message, "it may have been executed")
    }))

  it.effect("says of each node that it was done, or why not", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("FLUSHALL", [ok, Reply.error("NOPERM no"), "drop"])
      const error = yield* Effect.flip(service.execute(Redis.flushall()))
      assert.deepStrictEqual(error.parts?.map(({ delivery, node, reason }) => [node, delivery, reason?._tag]), [
        ["a:7000", "Executed", undefined],
        ["b:7000", "Rejected", "ServerError"],
        ["c:7000", "MaybeExecuted", "ConnectionLost"]
      ])
      assert.match(error.message, /; it may have been executed; 1 of its 3 parts were done$/)
    }))

  it.effect("was executed by none when all have refused it", () =>
    Effect.gen(function*() {
      const no = Reply.error("NOPERM no")
      const { service } = yield* connected("FLUSHALL", [no, no, no])
      const error = yield* Effect.flip(service.execute(Redis.flushall()))
      assert.deepStrictEqual([error.node, error.delivery], ["a:7000", "Rejected"])
    }))

  it.effect("may have been executed when one of several that fail is lost", () =>
    Effect.gen(function*() {
      const no = Reply.error("NOPERM no")
      const { service } = yield* connected("FLUSHALL", [no, no, "drop"])
      const error = yield* Effect.flip(service.execute(Redis.flushall()))
      assert.deepStrictEqual([error.node, error.delivery], ["a:7000", "MaybeExecuted"])
    }))

  it.effect("fails as a node with something to do says, not as those that have nothing", () =>
    Effect.gen(function*() {
      const idle = Reply.error("NOTBUSY No scripts in execution right now.")
      const { service } = yield* connected("SCRIPT KILL", [idle, Reply.error("UNKILLABLE Sorry"), idle])
      const error = yield* Effect.flip(service.execute(Redis.scriptKill()))
      assert.deepStrictEqual([error.node, error.delivery], ["b:7000", "Rejected"])
      assert.include(error.message, "UNKILLABLE")
      const none = yield* connected("SCRIPT KILL", [idle, idle, idle])
      assert.include((yield* Effect.flip(none.service.execute(Redis.scriptKill()))).message, "NOTBUSY")
    }))

  it.effect("has heeded what each of them says about the cluster", () =>
    Effect.gen(function*() {
      const readonly = Reply.error("READONLY You can't write against a read only replica.")
      const { cluster, service } = yield* connected("FLUSHALL", [Reply.error("NOPERM no"), ok, readonly])
      const before = cluster.questions
      yield* Effect.flip(service.execute(Redis.flushall()).pipe(RedirectPolicy.provide(RedirectPolicy.none)))
      yield* advance("100 millis")
      assert.isAbove(cluster.questions, before)
    }))
})

describe("a random key", () => {
  /** Nodes with as many keys as given, which answer with their letter. */
  const sized = Effect.fnUntraced(function*(...sizes: ReadonlyArray<number>) {
    const client = yield* connectedToThree()
    const all = [client.a, client.b, client.c]
    all.forEach((node, i) =>
      node.on("DBSIZE", Reply.integer(sizes[i])).on("RANDOMKEY", sizes[i] === 0 ? Reply.null : Reply.bulk(node.key[0]))
    )
    return { ...client, all }
  })
  const drawn = (service: { readonly execute: typeof Redis.Redis.Service.execute }) =>
    Effect.map(Effect.replicateEffect(service.execute(Redis.command("RANDOMKEY")), 300), (keys) => {
      const count = (key: string | null) => keys.filter((each) => each === key).length
      return { a: count("a"), b: count("b"), c: count("c"), none: count(null) }
    })

  it.effect("is never nil while a node has one", () =>
    Effect.gen(function*() {
      const { service } = yield* sized(0, 1, 0)
      assert.deepStrictEqual(yield* drawn(service), { a: 0, b: 300, c: 0, none: 0 })
    }))

  it.effect("is nil when no node has one", () =>
    Effect.gen(function*() {
      const { service } = yield* sized(0, 0, 0)
      assert.isNull(yield* service.execute(Redis.command("RANDOMKEY")))
    }))

  it.effect("comes from a node the more often, the more keys that has", () =>
    Effect.gen(function*() {
      const { service } = yield* sized(100, 800, 100)
      const { a, b, c, none } = yield* Random.withSeed(drawn(service), "keys")
      assert.strictEqual(none, 0)
      assert.isTrue(a > 10 && a < 50 && c > 10 && c < 50 && b > 200, `${a} ${b} ${c}`)
    }))

  it.effect("comes from any of them where they don't say how many they have", () =>
    Effect.gen(function*() {
      const { all, service } = yield* sized(1, 1000, 1)
      for (const node of all) node.on("DBSIZE", Reply.error("NOPERM this user has no permissions to run 'dbsize'"))
      const { a, b, c, none } = yield* Random.withSeed(drawn(service), "keys")
      assert.strictEqual(none, 0)
      assert.isTrue([a, b, c].every((count) => count > 60), `${a} ${b} ${c}`)
    }))

  it.effect("fails where one of them can't be asked, since the key could be there", () =>
    Effect.gen(function*() {
      const { b, service } = yield* sized(0, 0, 0)
      b.on("RANDOMKEY", Reply.error("NOPERM this user has no permissions to run 'randomkey'"))
      const error = yield* Effect.flip(service.execute(Redis.command("RANDOMKEY")))
      assert.deepStrictEqual([error.node, error.command, error.parts?.length], ["b:7000", "RANDOMKEY", 3])
    }))
})

describe("what Redis does not say to ask of all nodes, and is asked of all", () => {
  it.effect.each(
    [
      ["PUBSUB CHANNELS", Redis.pubsubChannels(), [texts("x"), texts("x", "y"), texts()], ["x", "y"]],
      ["PUBSUB SHARDCHANNELS", Redis.pubsubShardchannels(), [texts("x"), texts(), texts("z")], ["x", "z"]],
      ["PUBSUB NUMPAT", Redis.pubsubNumpat(), integers(1, 2, 3), 6],
      ["CLIENT KILL", Redis.command("CLIENT", ["KILL", "USER", "ada"]), integers(1, 0, 2), 3],
      ["COMMANDLOG LEN", Redis.command("COMMANDLOG LEN", ["slow"]), integers(1, 0, 2), 3],
      ["COMMANDLOG GET", Redis.command("COMMANDLOG GET", [1, "slow"]), [list(1), list(), list(2)], [1, 2]],
      [
        "BGSAVE",
        Redis.command("BGSAVE"),
        ["Background saving started", "Background saving started", "no"].map(Reply.simple),
        "Background saving started"
      ]
    ] as ReadonlyArray<readonly [string, Command.Any, ReadonlyArray<Script>, unknown]>
  )("%s", ([name, command, replies, expected]) =>
    Effect.gen(function*() {
      const { run } = yield* connected(name, replies)
      assert.deepStrictEqual(yield* run(command), expected)
      const [piped] = yield* run(Redis.pipeline([command]))
      assert.deepStrictEqual(piped, expected)
    }))

  it.effect("PUBSUB NUMSUB, by channel, as text and as bytes", () =>
    Effect.gen(function*() {
      const { run } = yield* connected("PUBSUB NUMSUB", [
        counts("x", 1, "y", 0),
        counts("x", 2, "y", 0),
        counts("x", 0, "y", 4)
      ])
      const numsub = Redis.pubsubNumsub(["x", "y"])
      for (const command of [numsub, Command.bytes(numsub)]) {
        assert.deepStrictEqual({ ...yield* run(command) }, { x: 3, y: 4 })
      }
    }))

  it.effect("but nothing that is about one connection, or that each node says for itself", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connectedToThree()
      const single = ["INFO", "FUNCTION STATS", "LATENCY LATEST", "LATENCY DOCTOR", "MEMORY STATS", "MEMORY DOCTOR"]
      for (const node of [a, b, c]) for (const name of single) node.on(name, Reply.bulk(node.key))
      for (const name of single) yield* run(Redis.command(name))
      assert.deepStrictEqual([a, b, c].flatMap(({ commands }) => commands).toSorted(), single.toSorted())
      for (const name of ["WAIT", "WAITAOF", "SELECT", "AUTH", "RESET"]) {
        const error = yield* Effect.flip(run(Redis.command(name, ["1", "1", "1"])))
        assert.strictEqual(error.reason._tag, "InvalidArgument", name)
      }
    }))
})

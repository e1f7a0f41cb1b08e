/** Commands of all groups side by side, over shared connections, sessions, scripts and transactions. */
import { assert } from "@effect/vitest"
import { Redis, Resp, Script, Session, Slot } from "@redisc/core"
import type { Command } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Cluster, homeOf, reasonOf, scenario, tagOf, withClient } from "./Cluster.ts"
import type { Client } from "./Cluster.ts"

type Work = Effect.Effect<void, unknown, Client | Cluster | Scope.Scope>
/** From what a key is for to the key; all of them are in one slot. */
type KeyOf = (name: string) => string

/** A key of a slot that no other key of these scenarios is in. */
const foreign = "{commands:foreign}"

const refused = (...commands: ReadonlyArray<Command.Any>) =>
  Effect.gen(function*() {
    for (const command of commands) assert.strictEqual(yield* tagOf(command), "CrossSlot", command.spec.name)
  })

const rename = Script.make({
  lua: `
    local old = redis.call("GETSET", KEYS[1], ARGV[1])
    redis.call("INCR", KEYS[2])
    return old`,
  params: (key: string, count: string, name: string) => ({ keys: [key, count], args: [name] }),
  result: Schema.NullOr(Schema.String)
})

/** What comes over a connection that is subscribed to a channel: beneath all clients, as redisc's `Dial`. */
const subscribed = Effect.fnUntraced(function*(command: "SUBSCRIBE" | "SSUBSCRIBE", channel: string) {
  const { connector } = yield* Cluster
  const { owner } = yield* homeOf(channel)
  const received = yield* Queue.unbounded<Resp.Value>()
  const decoder = new Resp.Decoder({
    wantsBytes: () => false,
    onReply: (value) => {
      Queue.offerUnsafe(received, value)
    },
    onPush: () => {}
  })
  const transport = yield* connector.open(owner.address, {
    onData: (chunk) => decoder.push(chunk),
    onDrain: () => {},
    onClose: () => {}
  })
  const encoder = new Resp.Encoder()
  encoder.command(Resp.head(command), [channel])
  transport.write(encoder.take())
  assert.deepStrictEqual(yield* Queue.take(received), [command.toLowerCase(), channel, 1])
  return received
})

const groups: Readonly<Record<string, (key: KeyOf) => Work>> = {
  cluster: (key) =>
    Effect.gen(function*() {
      const slot = Slot.fromKey(key("a"))
      assert.strictEqual(yield* Redis.clusterKeyslot(key("a")), slot)
      const { owner } = yield* homeOf(key("a"))
      const info = yield* Redis.clusterInfo()
      assert.deepInclude(info, { cluster_state: "ok", cluster_known_nodes: "6" })
      const ranges = yield* Redis.clusterSlots()
      const range = ranges.find(({ end, start }) => start <= slot && slot <= end)
      assert.strictEqual(range?.primary.id, owner.id)
    }),
  connection: (key) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Redis.ping(), "PONG")
      assert.strictEqual(yield* Redis.echo(key("hello")), key("hello"))
      const ids = yield* Session.use({ keys: key("a") }, Effect.all([Redis.clientId(), Redis.clientInfo()]))
      assert.strictEqual(`${ids[0]}`, ids[1]["id"])
    }),
  hashes: (key) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Redis.hset(key("user"), { name: "ada", born: "1815" }), 2)
      assert.strictEqual(yield* Redis.hincrby(key("user"), "born", 1), 1816)
      assert.deepStrictEqual(yield* Redis.hmget(key("user"), ["name", "none"]), ["ada", null])
      assert.deepEqual(yield* Redis.hgetall(key("user")), { name: "ada", born: "1816" })
      assert.strictEqual(yield* Redis.hdel(key("user"), ["name", "born"]), 2)
    }),
  hyperLogLog: (key) =>
    Effect.gen(function*() {
      assert.isTrue(yield* Redis.pfadd(key("a"), ["x", "y"]))
      yield* Redis.pfadd(key("b"), ["y", "z"])
      assert.strictEqual(yield* Redis.pfcount([key("a"), key("b")]), 3)
      yield* Redis.pfmerge(key("c"), [key("a"), key("b")])
      assert.strictEqual(yield* Redis.pfcount([key("c")]), 3)
      yield* refused(Redis.pfcount([key("a"), foreign]), Redis.pfmerge(foreign, [key("a")]))
    }),
  keys: (key) =>
    Effect.gen(function*() {
      yield* Redis.set(key("a"), "1")
      assert.isTrue(yield* Redis.expire(key("a"), "1 minute"))
      assert.isAtMost(yield* Redis.ttl(key("a")), 60)
      assert.strictEqual(yield* Redis.rename(key("a"), key("b")), "OK")
      assert.strictEqual(yield* Redis.type(key("b")), "string")
      const dump = yield* Redis.dump(key("b"))
      assert.strictEqual(yield* Redis.restore(key("c"), dump ?? assert.fail("there is nothing"), {}), "OK")
      assert.strictEqual(yield* Redis.exists([key("a"), key("b"), key("c")]), 2)
      assert.strictEqual(yield* Redis.del([key("b"), key("c")]), 2)
      yield* Redis.set(key("b"), "1")
      assert.strictEqual(yield* Redis.exists([key("b"), foreign, key("b")]), 2)
      assert.strictEqual(yield* Redis.del([key("b"), foreign]), 1)
      yield* refused(Redis.rename(key("b"), foreign), Redis.copy(key("b"), foreign))
    }),
  lists: (key) =>
    Effect.gen(function*() {
      const popped = yield* Effect.forkScoped(Redis.blpop([key("blocked")], "Infinity"), { startImmediately: true })
      assert.strictEqual(yield* Redis.rpush(key("a"), ["1", "2", "3"]), 3)
      assert.strictEqual(yield* Redis.lmove(key("a"), key("b"), { from: "RIGHT", to: "LEFT" }), "3")
      assert.deepStrictEqual(yield* Redis.lrange(key("a"), 0, -1), ["1", "2"])
      yield* Redis.rpush(key("blocked"), ["x"])
      assert.deepStrictEqual(yield* Fiber.join(popped), { key: key("blocked"), element: "x" })
      yield* refused(
        Redis.blpop([key("a"), foreign], "1 second"),
        Redis.lmove(key("a"), foreign, { from: "LEFT", to: "LEFT" })
      )
    }),
  pubSub: (key) =>
    Effect.gen(function*() {
      const channel = key("news")
      const everywhere = yield* subscribed("SUBSCRIBE", channel)
      const inShard = yield* subscribed("SSUBSCRIBE", channel)
      yield* Redis.command("PUBLISH", [channel, "to all"])
      assert.strictEqual(yield* Redis.command("SPUBLISH", [channel, "to the shard"]), 1)
      assert.deepStrictEqual(yield* Queue.take(everywhere), ["message", channel, "to all"])
      assert.deepStrictEqual(yield* Queue.take(inShard), ["smessage", channel, "to the shard"])
    }),
  scripting: (key) =>
    Effect.gen(function*() {
      const keys = [key("name"), key("count")]
      assert.isNull(yield* rename(key("name"), key("count"), "ada"))
      assert.strictEqual(yield* rename(key("name"), key("count"), "grace"), "ada")
      assert.strictEqual(yield* Redis.scriptLoad(rename.lua), rename.sha)
      assert.strictEqual(yield* Redis.evalsha(rename.sha, { keys, args: ["joan"] }), "grace")
      assert.deepStrictEqual(yield* Redis.eval("return KEYS", { keys }), keys)
      assert.include((yield* reasonOf(Redis.evalsha("0".repeat(40), { keys }))).message, "NOSCRIPT")
      yield* refused(rename(key("name"), foreign, "ada"), Redis.eval("return 1", { keys: [key("name"), foreign] }))
    }),
  server: () =>
    Effect.gen(function*() {
      assert.isAbove((yield* Redis.time()).seconds, 1_700_000_000)
      assert.isAtLeast(yield* Redis.dbsize(), 0)
      const { kind, version } = yield* Cluster
      // In a cluster there is only one database, which servers say since Redis 8 and Valkey 8. Valkey 9 has several.
      const major = Number.parseInt(version, 10)
      const databases = major < 8 || (kind === "valkey" && major >= 9) ? "16" : "1"
      assert.deepEqual(yield* Redis.configGet(["databases"]), { databases })
      assert.strictEqual((yield* Redis.infoFields(["cluster"]))["cluster_enabled"], "1")
      assert.strictEqual((yield* Redis.role()).role, "primary")
    }),
  sets: (key) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Redis.sadd(key("a"), ["x", "y"]), 2)
      yield* Redis.sadd(key("b"), ["y", "z"])
      assert.deepStrictEqual(yield* Redis.sinter([key("a"), key("b")]), ["y"])
      assert.strictEqual(yield* Redis.sunionstore(key("c"), [key("a"), key("b")]), 3)
      assert.isTrue(yield* Redis.smove(key("a"), key("b"), "x"))
      yield* refused(Redis.sinter([key("a"), foreign]), Redis.sunionstore(foreign, [key("a")]))
    }),
  sortedSets: (key) =>
    Effect.gen(function*() {
      yield* Redis.zadd(key("a"), [{ member: "x", score: 1 }, { member: "y", score: 2.5 }])
      yield* Redis.zadd(key("b"), [{ member: "y", score: 10 }])
      assert.strictEqual(yield* Redis.zinterstore(key("c"), [key("a"), key("b")]), 1)
      assert.strictEqual(yield* Redis.zscore(key("c"), "y"), 12.5)
      assert.deepStrictEqual(yield* Redis.zrange(key("a"), 0, -1), ["x", "y"])
      yield* refused(Redis.zunionstore(key("c"), [key("a"), foreign]), Redis.zdiff([key("a"), foreign]))
    }),
  strings: (key) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Redis.mset({ [key("a")]: "1", [key("b")]: "2" }), "OK")
      assert.deepStrictEqual(yield* Redis.mget([key("a"), key("b"), key("c")]), ["1", "2", null])
      assert.strictEqual(yield* Redis.incrby(key("a"), 41), 42)
      assert.strictEqual(yield* Redis.append(key("b"), "3"), 2)
      assert.isTrue(yield* Redis.msetnx({ [key("d")]: "1" }))
      assert.deepStrictEqual(yield* Redis.mget([foreign, key("a"), foreign, key("d")]), [null, "42", null, "1"])
      yield* refused(Redis.msetnx({ [key("e")]: "1", [foreign]: "2" }))
    }),
  transactions: (key) =>
    Effect.gen(function*() {
      const others = yield* Redis.Redis
      assert.deepStrictEqual(yield* Redis.transaction([Redis.set(key("a"), "1"), Redis.incr(key("a"))]), ["OK", 2])
      yield* Session.use(
        { keys: key("a") },
        Effect.gen(function*() {
          yield* Redis.watch([key("a")])
          yield* others.execute(Redis.incr(key("a")))
          assert.strictEqual(yield* tagOf(Redis.transaction([Redis.incr(key("a"))])), "Conflict")
          assert.deepStrictEqual(yield* Redis.transaction([Redis.incr(key("a"))]), [4])
        })
      )
      const doubled = Redis.optimistic(
        [key("a")],
        Effect.map(Redis.get(key("a")), (value) => [Redis.set(key("a"), `${2 * Number(value)}`)] as const)
      )
      yield* Effect.all([doubled, doubled, doubled], { concurrency: "unbounded" })
      assert.strictEqual(yield* Redis.get(key("a")), "32")
      yield* refused(Redis.transaction([Redis.get(key("a")), Redis.get(foreign)]))
    })
}

export const commands = [
  scenario(
    "commands of all groups run side by side, and those over two slots are refused (redisc 26)",
    Effect.forEach(
      ["a", "b", "c", "d", "e"],
      (round) =>
        Effect.forEach(
          Object.entries(groups),
          ([group, work]) => Effect.scoped(work((name) => `{commands:${group}:${round}}:${name}`)),
          { concurrency: "unbounded", discard: true }
        ),
      { concurrency: "unbounded", discard: true }
    ).pipe(withClient())
  ),
  scenario(
    "the servers refuse keys of two slots too, so that refusing them unsent hides nothing (redisc 26)",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const { owner } = yield* homeOf("{commands:two}:a")
      const sent = yield* Effect.exit(command(owner, "MGET", ["{commands:two}:a", foreign]))
      assert.isTrue(Exit.isFailure(sent))
      assert.include(`${sent}`, "CROSSSLOT Keys in request don't hash to the same slot")
    })
  )
]

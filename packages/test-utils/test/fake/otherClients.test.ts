import { assert, layer } from "@effect/vitest"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { EventEmitter, once } from "node:events"
import { cli } from "./cli.ts"
import { clients, ioredis, makeTraffic, nodeRedis } from "./clients.ts"

/** Opens a port for each node; they close when the test is over. */
const listen = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  yield* fake.flushAll
  return { fake, ports: (yield* fake.listen).map(({ port }) => port) }
})

/** Lets the event loop turn until something holds. */
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!await holds()) await new Promise((resolve) => setImmediate(resolve))
}

const asked = (journal: ReadonlyArray<FakeCluster.JournalEntry>, ...names: ReadonlyArray<string>) =>
  journal.some(({ command }) => names.includes(command[0].toUpperCase()))

const options = { replicas: 1, nodeTimeout: "100 millis" } as const

for (const [name, open] of Object.entries(clients)) {
  layer(FakeCluster.layerConnector(options), { excludeTestServices: true })(`${name} on a cluster in unrest`, (it) => {
    it.effect("reads and writes while a slot migrates step by step", () =>
      Effect.gen(function*() {
        const { fake, ports } = yield* listen
        const client = yield* open(ports)
        const slot = fake.slotOf("{moving}")
        const from = yield* fake.ownerOf(slot)
        const to = (yield* fake.primaries).find((node) => node.name !== from.name)!
        const keys = Array.from({ length: 30 }, (_, index) => `{moving}${index}`)
        const traffic = yield* makeTraffic(client, keys)
        yield* traffic.lap
        yield* fake.beginMigration(slot, to)
        yield* traffic.lap
        assert.isFalse(asked(yield* fake.journal(to), "ASKING"))
        for (let moved = 0; moved < keys.length;) {
          moved += yield* fake.migrateKeys(slot, 7)
          yield* traffic.lap
        }
        // New keys are born where the slot goes to.
        yield* Effect.promise(() => client.set("{moving}new", "born"))
        assert.isTrue(asked(yield* fake.journal(to), "ASKING"))
        assert.strictEqual((yield* fake.keys(to)).length, keys.length + 1)
        yield* fake.finishMigration(slot)
        yield* traffic.lap
        yield* traffic.stop
        assert.strictEqual((yield* fake.ownerOf(slot)).name, to.name)
        assert.deepStrictEqual(yield* fake.keys(), [...keys, "{moving}new"].sort())
        assert.strictEqual(yield* Effect.promise(() => client.get("{moving}new")), "born")
        assert.deepStrictEqual((yield* fake.journal(to)).at(-1)?.command.slice(1), ["{moving}new"])
      }))

    it.effect("reads and writes while a primary hands over to its replica", () =>
      Effect.gen(function*() {
        const { fake, ports } = yield* listen
        const client = yield* open(ports)
        const traffic = yield* makeTraffic(client, ["a", "b", "c", "d", "e", "f"])
        yield* traffic.lap
        const from = yield* fake.ownerOf(fake.slotOf("a"))
        const [replica] = yield* fake.replicasOf(from)
        yield* fake.failover(replica)
        yield* traffic.lap
        yield* traffic.stop
        assert.strictEqual((yield* fake.ownerOf(fake.slotOf("a"))).name, replica.name)
        assert.isTrue(asked(yield* fake.journal(replica), "SET"))
      }))

    it.effect("reads and writes while a primary dies and its replica takes over", () =>
      Effect.gen(function*() {
        const { fake, ports } = yield* listen
        const client = yield* open(ports)
        const traffic = yield* makeTraffic(client, ["a", "b", "c", "d", "e", "f"])
        yield* traffic.lap
        const from = yield* fake.ownerOf(fake.slotOf("a"))
        yield* fake.kill(from)
        const successor = yield* fake.awaitPromotion(from)
        yield* traffic.lap
        yield* fake.restart(from)
        yield* traffic.lap
        yield* traffic.stop
        assert.strictEqual((yield* fake.ownerOf(fake.slotOf("a"))).name, successor.name)
        assert.strictEqual((yield* fake.replicasOf(successor)).length, 1)
      }))

    it.effect("gets a value of 8 MB back as it was", () =>
      Effect.gen(function*() {
        const { fake, ports } = yield* listen
        const client = yield* open(ports)
        const value = "grüße, 🌍!\r\n".repeat(8 * 1024 * 1024 / 16)
        assert.strictEqual(Buffer.byteLength(value), 8 * 1024 * 1024)
        yield* Effect.promise(() => client.set("large", value))
        assert.isTrue(value === (yield* Effect.promise(() => client.get("large"))))
        assert.strictEqual(yield* fake.command(yield* fake.ownerOf(fake.slotOf("large")), "STRLEN", ["large"]), 8388608)
      }))
  })
}

layer(FakeCluster.layerConnector(options), { excludeTestServices: true })("ioredis", (it) => {
  it.effect("stores strings, hashes, lists and sorted sets", () =>
    Effect.gen(function*() {
      const { ports } = yield* listen
      const cluster = yield* ioredis(ports)
      yield* Effect.promise(async () => {
        assert.strictEqual(await cluster.set("string", "grüße", "EX", 100), "OK")
        assert.strictEqual(await cluster.get("string"), "grüße")
        assert.strictEqual(await cluster.ttl("string"), 100)
        assert.strictEqual(await cluster.append("string", "!"), 8)
        assert.strictEqual(await cluster.get("none"), null)
        assert.strictEqual(await cluster.hset("hash", { a: "1", b: "2" }), 2)
        assert.deepStrictEqual(await cluster.hgetall("hash"), { a: "1", b: "2" })
        assert.deepStrictEqual(await cluster.hmget("hash", "b", "c"), ["2", null])
        assert.strictEqual(await cluster.rpush("list", "a", "b", "c"), 3)
        assert.deepStrictEqual(await cluster.lrange("list", 0, -1), ["a", "b", "c"])
        assert.strictEqual(await cluster.lpop("list"), "a")
        assert.strictEqual(await cluster.zadd("zset", 1.5, "one", 2, "two"), 2)
        assert.deepStrictEqual(await cluster.zrange("zset", "0", "-1", "WITHSCORES"), ["one", "1.5", "two", "2"])
        assert.strictEqual(await cluster.zincrby("zset", 3, "one"), "4.5")
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
        await cluster.set("bytes", bytes)
        assert.deepStrictEqual(await cluster.getBuffer("bytes"), bytes)
        const wrong = await cluster.incr("list").catch((error: Error) => error.message)
        assert.strictEqual(wrong, "WRONGTYPE Operation against a key holding the wrong kind of value")
      })
    }))

  it.effect("runs pipelines, transactions and scripts", () =>
    Effect.gen(function*() {
      const { ports } = yield* listen
      const cluster = yield* ioredis(ports)
      yield* Effect.promise(async () => {
        const pipeline = cluster.pipeline()
        for (let index = 0; index < 100; index++) {
          pipeline.incr("{p}n").set(`{p}${index}`, `${index}`).get(`{p}${index}`)
        }
        const results = await pipeline.exec()
        assert.deepStrictEqual(results?.slice(-3), [[null, 100], [null, "OK"], [null, "99"]])
        const transaction = await cluster.multi().set("{t}a", "1").incr("{t}a").get("{t}a").exec()
        assert.deepStrictEqual(transaction, [[null, "OK"], [null, 2], [null, "2"]])
        const script = "redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], 7, false}"
        assert.deepStrictEqual(await cluster.eval(script, 1, "script", "v"), ["script", 7, null])
        assert.strictEqual(await cluster.get("script"), "v")
        cluster.defineCommand("twice", { numberOfKeys: 1, lua: "return redis.call('GET', KEYS[1]) * 2" })
        const { twice } = cluster as unknown as { readonly twice: (key: string) => Promise<number> }
        assert.strictEqual(await twice.call(cluster, "{t}a"), 4)
        assert.strictEqual(await twice.call(cluster, "{t}a"), 4)
      })
    }))

  it.effect("scans every primary", () =>
    Effect.gen(function*() {
      const { ports } = yield* listen
      const cluster = yield* ioredis(ports)
      yield* Effect.promise(async () => {
        const keys = Array.from({ length: 500 }, (_, index) => `key:${index}`)
        await Promise.all(keys.map((key) => cluster.set(key, "1")))
        await cluster.set("other", "1")
        const found: Array<string> = []
        for (const node of cluster.nodes("master")) {
          for await (const page of node.scanStream({ match: "key:*", count: 50 })) found.push(...page)
        }
        assert.deepStrictEqual(found.sort(), keys.sort())
      })
    }))

  it.effect("publishes, subscribes and waits for list elements", () =>
    Effect.gen(function*() {
      const { fake, ports } = yield* listen
      const [listener, speaker] = [yield* ioredis(ports), yield* ioredis(ports)]
      const owner = yield* fake.ownerOf(fake.slotOf("queue"))
      yield* Effect.promise(async () => {
        const plain = once(listener, "message")
        const pattern = once(listener, "pmessage")
        const sharded = once(listener, "smessage")
        await listener.subscribe("news")
        await listener.psubscribe("n?ws")
        await listener.ssubscribe("shard")
        await speaker.publish("news", "hello")
        assert.strictEqual(await speaker.spublish("shard", "here"), 1)
        assert.deepStrictEqual(await plain, ["news", "hello"])
        assert.deepStrictEqual(await pattern, ["n?ws", "news", "hello"])
        assert.deepStrictEqual((await sharded).slice(0, 2), ["shard", "here"])
        const popped = listener.blpop("queue", 0)
        await until(async () => asked(await Effect.runPromise(fake.journal(owner)), "BLPOP"))
        await speaker.rpush("queue", "job")
        assert.deepStrictEqual(await popped, ["queue", "job"])
        assert.strictEqual(await listener.blpop("queue", 0.01), null)
      })
    }))
})

layer(FakeCluster.layerConnector(options), { excludeTestServices: true })("node-redis", (it) => {
  it.effect("stores strings, hashes, lists and sorted sets", () =>
    Effect.gen(function*() {
      const { ports } = yield* listen
      const cluster = yield* nodeRedis(ports)
      yield* Effect.promise(async () => {
        assert.strictEqual(await cluster.set("string", "grüße", { expiration: { type: "EX", value: 100 } }), "OK")
        assert.strictEqual(await cluster.get("string"), "grüße")
        assert.strictEqual(await cluster.ttl("string"), 100)
        assert.strictEqual(await cluster.append("string", "!"), 8)
        assert.strictEqual(await cluster.get("none"), null)
        assert.strictEqual(await cluster.hSet("hash", { a: "1", b: "2" }), 2)
        assert.deepStrictEqual({ ...await cluster.hGetAll("hash") }, { a: "1", b: "2" })
        assert.deepStrictEqual(await cluster.hmGet("hash", ["b", "c"]), ["2", null])
        assert.strictEqual(await cluster.rPush("list", ["a", "b", "c"]), 3)
        assert.deepStrictEqual(await cluster.lRange("list", 0, -1), ["a", "b", "c"])
        assert.strictEqual(await cluster.lPop("list"), "a")
        const members = [{ score: 1.5, value: "one" }, { score: 2, value: "two" }]
        assert.strictEqual(await cluster.zAdd("zset", members), 2)
        assert.deepStrictEqual(await cluster.zRangeWithScores("zset", 0, -1), members)
        assert.strictEqual(await cluster.zIncrBy("zset", 3, "one"), 4.5)
        const wrong = await cluster.incr("list").catch((error: Error) => error.message)
        assert.strictEqual(wrong, "WRONGTYPE Operation against a key holding the wrong kind of value")
      })
    }))

  it.effect("runs pipelines, transactions and scripts", () =>
    Effect.gen(function*() {
      const { ports } = yield* listen
      const cluster = yield* nodeRedis(ports)
      yield* Effect.promise(async () => {
        const numbers = Array.from({ length: 300 }, (_, index) => index)
        // What is asked in one turn goes out together.
        const counted = await Promise.all(numbers.map(() => cluster.incr("n")))
        assert.deepStrictEqual(counted, numbers.map((number) => number + 1))
        const batch = await cluster.multi().set("{p}a", "1").get("{p}a").execAsPipeline()
        assert.deepStrictEqual([...batch], ["OK", "1"])
        const transaction = await cluster.multi().set("{t}a", "1").incr("{t}a").get("{t}a").exec()
        assert.deepStrictEqual([...transaction], ["OK", 2, "2"])
        const script = "redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], 7, false}"
        const answer = await cluster.eval(script, { keys: ["script"], arguments: ["v"] })
        assert.deepStrictEqual(answer, ["script", 7, null])
        assert.strictEqual(await cluster.get("script"), "v")
      })
    }))

  it.effect("scans every primary", () =>
    Effect.gen(function*() {
      const { ports } = yield* listen
      const cluster = yield* nodeRedis(ports)
      yield* Effect.promise(async () => {
        const keys = Array.from({ length: 500 }, (_, index) => `key:${index}`)
        await Promise.all(keys.map((key) => cluster.set(key, "1")))
        await cluster.set("other", "1")
        const found: Array<string> = []
        for (const primary of cluster.masters) {
          const node = await cluster.nodeClient(primary)
          for await (const page of node.scanIterator({ MATCH: "key:*", COUNT: 50 })) found.push(...page)
        }
        assert.deepStrictEqual(found.sort(), keys.sort())
      })
    }))

  it.effect("publishes, subscribes and waits for list elements", () =>
    Effect.gen(function*() {
      const { fake, ports } = yield* listen
      const [listener, speaker] = [yield* nodeRedis(ports), yield* nodeRedis(ports)]
      const owner = yield* fake.ownerOf(fake.slotOf("queue"))
      yield* Effect.promise(async () => {
        const heard: Array<string> = []
        const ears = new EventEmitter()
        const all = once(ears, "enough")
        const hear = (message: string, channel: string) => {
          if (heard.push(`${channel} ${message}`) === 3) ears.emit("enough")
        }
        await listener.subscribe("news", hear)
        await listener.pSubscribe("n?ws", hear)
        await listener.sSubscribe("shard", hear)
        await speaker.publish("news", "hello")
        assert.strictEqual(await speaker.sPublish("shard", "here"), 1)
        await all
        assert.deepStrictEqual(heard.sort(), ["news hello", "news hello", "shard here"])
        const popped = listener.blPop("queue", 0)
        await until(async () => asked(await Effect.runPromise(fake.journal(owner)), "BLPOP"))
        await speaker.rPush("queue", "job")
        assert.deepStrictEqual({ ...await popped }, { key: "queue", element: "job" })
        assert.strictEqual(await listener.blPop("queue", 0.01), null)
      })
    }))
})

const ask = (port: number, input: string) =>
  Effect.callback<ReadonlyArray<string>, Error>((resume) => {
    const child = execFile(cli ?? "redis-cli", ["-c", "-p", String(port)], (problem, out) => {
      resume(problem === null ? Effect.succeed(out.trimEnd().split("\n")) : Effect.fail(problem))
    })
    child.stdin?.end(input)
  })

layer(FakeCluster.layerConnector(options), { excludeTestServices: true })("redis-cli", (it) => {
  it.effect.skipIf(cli === undefined)(
    "reads and writes every type, in transactions and scripts too",
    () =>
      Effect.gen(function*() {
        const { fake, ports } = yield* listen
        const session = [
          ["SET s \"a b\"", "OK"],
          ["GET s", "a b"],
          ["HSET h f v", "1"],
          ["HGET h f", "v"],
          ["RPUSH l 1 2 3", "3"],
          ["LPOP l 2", "1\n2"],
          ["ZADD z 1 one 2 two", "2"],
          ["ZRANGE z 0 -1 WITHSCORES", "one\n1\ntwo\n2"],
          ["MULTI", "OK"],
          ["INCR {z}n", "QUEUED"],
          ["INCR {z}n", "QUEUED"],
          ["EXEC", "1\n2"],
          ["EVAL \"return redis.call('GET', KEYS[1])\" 1 s", "a b"],
          ["BLPOP l 0", "l\n3"],
          ["SCAN 0 MATCH none COUNT 1000", "0\n"]
        ] as const
        const lines = yield* ask(ports[0], session.map(([command]) => `${command}\n`).join(""))
        const expected = session.map(([, reply]) => reply).join("\n")
        const redirected = lines.filter((line) => line.startsWith("-> Redirected to slot"))
        assert.isAbove(redirected.length, 0)
        assert.strictEqual(lines.filter((line) => !redirected.includes(line)).join("\n"), expected.trimEnd())
        assert.deepStrictEqual(yield* fake.keys(), ["h", "s", "z", "{z}n"])
      })
  )

  it.effect.skipIf(cli === undefined)("follows ASK and MOVED", () =>
    Effect.gen(function*() {
      const { fake, ports } = yield* listen
      yield* fake.seed({ "{m}a": "1", "{m}b": "2" })
      const slot = fake.slotOf("{m}")
      const from = yield* fake.ownerOf(slot)
      const to = (yield* fake.primaries).find((node) => node.name !== from.name)!
      const read = Effect.map(
        ask(ports[0], "GET {m}a\nGET {m}b\n"),
        (lines) => lines.filter((line) => line.length === 1)
      )
      yield* fake.beginMigration(slot, to)
      yield* fake.migrateKeys(slot, 1)
      assert.deepStrictEqual(yield* read, ["1", "2"])
      assert.isTrue(asked(yield* fake.journal(to), "ASKING"))
      yield* fake.finishMigration(slot)
      assert.deepStrictEqual(yield* read, ["1", "2"])
    }))
})

const tcp = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length

layer(FakeCluster.layerConnector(options), { excludeTestServices: true })("closing", (it) => {
  it.effect("leaves no port and no socket", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const { ports } = yield* listen
        for (const open of Object.values(clients)) {
          const client = yield* open(ports)
          yield* Effect.promise(() => client.set("a", "1"))
        }
        assert.isAbove(tcp(), ports.length)
      }))
      // Handles are gone a turn of the event loop after they were closed.
      yield* Effect.promise(() => until(async () => tcp() === 0))
    }))
})

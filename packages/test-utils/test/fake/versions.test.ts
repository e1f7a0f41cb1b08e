/** What nodes say of themselves, and what clients and scripts see otherwise in one version than in another. */
import { assert, describe, it } from "@effect/vitest"
import { Connection, Connector, Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** A command, what 7.0 answers, and what 8.0 does: as a real server of each. */
type Row = readonly [command: string, as70: string, as80: string]

const rows: ReadonlyArray<Row> = [
  ["COMMAND COUNT", "240", "253"],
  ["CLIENT SETINFO LIB-NAME redisc", "ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.", "OK"],
  ["CLIENT NO-TOUCH ON", "ERR unknown subcommand 'NO-TOUCH'. Try CLIENT HELP.", "OK"],
  ["WAITAOF 0 0 0", "ERR unknown command 'WAITAOF'", "0,0"],
  ["CONFIG GET databases", "databases,16", "databases,1"],
  ["ZADD z 0.1 a", "1", "1"],
  ["ZSCAN z 0", "0,a,0.10000000000000001", "0,a,0.1"],
  ["ZCOUNT z 0x1 2", "0", "ERR min or max is not a float"],
  ["BITCOUNT none x y", "0", "ERR value is not an integer or out of range"],
  ["SADD s a b", "2", "2"],
  ["OBJECT ENCODING s", "hashtable", "listpack"],
  ["SORT s ALPHA GET #", "ERR GET option of SORT denied in Cluster mode.", "a,b"],
  ["ACL SETUSER u on nopass ~x +get", "OK", "OK"],
  ["AUTH u any", "OK", "OK"],
  [
    "GET y",
    "NOPERM this user has no permissions to access one of the keys used as arguments",
    "NOPERM No permissions to access a key"
  ],
  [
    "SET x 1",
    "NOPERM this user has no permissions to run the 'set' command",
    "NOPERM User u has no permissions to run the 'set' command"
  ]
]

const connected = (options: FakeCluster.Options) =>
  Effect.gen(function*() {
    const { connector, service: fake } = yield* FakeCluster.make({ primaries: 1, replicas: 1, ...options })
    const open = (index: number) =>
      Connection.make(fake.addresses[index]).pipe(
        Effect.provideService(Connector.Connector, connector)
      )
    return { fake, open }
  })

const versions: ReadonlyArray<readonly [FakeCluster.VersionName | undefined, release: string, column: 1 | 2]> = [
  [undefined, "7.0.15", 1],
  ["7.0", "7.0.15", 1],
  ["8.0", "8.0.2", 2]
]

describe("the version that is imitated", () => {
  for (const [version, release, column] of versions) {
    it.effect(`says of itself that it is ${release} (version: ${version})`, () =>
      Effect.gen(function*() {
        const { fake } = yield* connected({ version })
        const answer = (name: string, ...args: ReadonlyArray<string>) =>
          Effect.map(fake.command("fake-0", name, args), (reply) => JSON.stringify(reply))
        assert.strictEqual(fake.version, release)
        assert.include(yield* answer("INFO", "server"), `redis_version:${release}`)
        assert.include(yield* answer("HELLO", "2"), `"version","${release}"`)
        assert.include(yield* answer("LOLWUT"), `Redis ver. ${release}`)
        assert.include(yield* answer("EVAL", "return redis.REDIS_VERSION", "0"), release)
      }))

    it.effect(`answers as ${release} does (version: ${version})`, () =>
      Effect.gen(function*() {
        const { open } = yield* connected({ version })
        const { execute } = yield* open(0)
        const told = yield* Effect.forEach(rows, ([line]) => {
          const [name, ...args] = line.split(" ")
          const command = Redis.command(name, args, { keys: [] })
          return Effect.match(execute(command), {
            onFailure: ({ reason }) => [line, "text" in reason ? reason.text : reason._tag],
            onSuccess: (reply) => [line, String(reply instanceof Map ? [...reply] : reply)]
          })
        })
        assert.deepStrictEqual(told, rows.map((row) => [row[0], row[column]]))
      }))
  }

  it.effect("names shards since 7.2, and a replica that takes over keeps the name", () =>
    Effect.gen(function*() {
      const { fake } = yield* connected({ version: "8.0", primaries: 2 })
      const shardOf = (node: string) => fake.command(node, "CLUSTER", ["MYSHARDID"])
      const before = yield* shardOf("fake-0")
      assert.match(String(before), /^[0-9a-f]{40}$/)
      assert.strictEqual(yield* shardOf("fake-2"), before)
      assert.notStrictEqual(yield* shardOf("fake-1"), before)
      yield* fake.failover("fake-2")
      assert.strictEqual(yield* shardOf("fake-2"), before)
      assert.strictEqual(yield* shardOf("fake-0"), before)
    }))

  it.effect("serves the first key that was named since 7.2, and the first that was written before", () =>
    Effect.gen(function*() {
      const popped = (version: FakeCluster.VersionName) =>
        Effect.gen(function*() {
          const { fake, open } = yield* connected({ version })
          const [waiting, writing] = [yield* open(0), yield* open(0)]
          const pop = yield* Effect.forkChild(waiting.execute(Redis.blpop(["{k}a", "{k}b"], "10 seconds")))
          while (!(yield* fake.journal("fake-0")).some(({ command }) => command[0] === "BLPOP")) yield* Effect.yieldNow
          yield* writing.execute(Redis.transaction([Redis.rpush("{k}b", ["2"]), Redis.rpush("{k}a", ["1"])]))
          return yield* Fiber.join(pop)
        })
      assert.deepStrictEqual(yield* popped("7.0"), { key: "{k}b", element: "2" })
      assert.deepStrictEqual(yield* popped("8.0"), { key: "{k}a", element: "1" })
    }))

  it.effect("is one that is known", () =>
    Effect.gen(function*() {
      for (const version of ["9.9", "8", 8, null, {}, "toString", ""]) {
        const error = yield* Effect.flip(FakeCluster.make({ version: version as never }))
        assert.instanceOf(error, FakeCluster.FakeClusterError)
        assert.match(error.problem, /^version is .*, which is not imitated: give "7\.0" or "8\.0"$/)
      }
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as PubSub from "../src/PubSub.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import type * as RedisError from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import { connected, start } from "./support/client.ts"
import { reading, shard } from "./support/replicas.ts"
import { advance, keyOfB, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script } from "./support/ScriptedCluster.ts"
import { confirms } from "./support/subscribers.ts"

const passing = [
  "ERR max number of clients reached",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "LOADING Redis is loading the dataset in memory",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "TRYAGAIN later",
  "CLUSTERDOWN The cluster is down",
  "ERR internal error of a proxy"
]
const ofCredentials = [
  "WRONGPASS invalid username-password pair or user is disabled.",
  "NOAUTH HELLO must be called with the client already authenticated",
  "NOPERM this user has no permissions to run the 'hello' command"
]

const asReply = (text: string): Script => Reply.error(text)
/** As a server says it that hangs up on whom it does not take. */
const unasked = (text: string): Script => (_, connection) => {
  connection.send(`-${text}\r\n`)
  return "drop"
}

type Way = Effect.Effect<string, RedisError.RedisError, RedisCluster.Services>

/** How a caller meets a node that has not been connected to yet. Each replies "done". */
const ways: Readonly<Record<string, Way>> = {
  "a command": Effect.as(Redis.get(keyOfB), "done"),
  "a pipeline": Effect.as(Redis.pipeline([Redis.get(keyOfB), Redis.get(keyOfB)]), "done"),
  "a transaction": Effect.as(Redis.transaction([Redis.get(keyOfB)]), "done"),
  "a command that blocks": Effect.as(Redis.command("BLPOP", [keyOfB, 1]), "done"),
  "a session that goes again": Session.use({ keys: keyOfB }, Effect.as(Redis.get(keyOfB), "done"), { rerun: true }),
  "an optimistic transaction": Effect.as(Redis.optimistic([keyOfB], Effect.succeed([])), "done"),
  "a subscription": Effect.scoped(
    Effect.as(PubSub.listen({ shardChannels: [keyOfB] }), "done")
  )
}

const client = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected(options)
  const { b } = nodes
  confirms(b).on("BLPOP", Reply.null).on("WATCH", Reply.simple("OK")).on("UNWATCH", Reply.simple("OK"))
    .on("MULTI", Reply.simple("OK")).on("EXEC", Reply.array([Reply.bulk("1")]))
  return nodes
})

describe("while a node refuses new connections", () => {
  for (const [way, effect] of Object.entries(ways)) {
    it.effect.each([...passing, ...ofCredentials].flatMap((text) => [[asReply, text], [unasked, text]] as const))(
      `${way} waits for it by the policy: %s %s`,
      ([how, text]) =>
        Effect.gen(function*() {
          const { b, run } = yield* client({ credentials: { password: Redacted.make("pw") } })
          b.once("HELLO", how(text), how(text))
          const fiber = yield* start(run(effect))
          yield* advance("2 seconds")
          assert.strictEqual(yield* Fiber.join(fiber), "done")
          assert.isAtLeast(b.dialed.length, 3)
        })
    )
  }

  it.effect.each(passing)(
    "%s is told as a failure to connect when the policy gives up",
    (text) =>
      Effect.gen(function*() {
        const { b, run } = yield* client()
        b.on("HELLO", Reply.error(text))
        const fiber = yield* start(run(Effect.flip(Redis.get(keyOfB))))
        yield* advance("26 seconds")
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
        assert.isAbove(error.attempts, 10)
        assert.include(error.message, text.startsWith("TRYAGAIN") ? "TRYAGAIN" : text.split(". ")[0])
      })
  )

  it.effect.each(ofCredentials)(
    "%s is told as refused credentials when the policy gives up",
    (text) =>
      Effect.gen(function*() {
        const { b, run } = yield* client()
        b.on("HELLO", Reply.error(text))
        const fiber = yield* start(run(Effect.flip(Redis.get(keyOfB))))
        yield* advance("26 seconds")
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["AuthenticationFailed", "NotSent"])
        assert.isAbove(error.attempts, 10)
      })
  )

  it.effect("the client does not wait for it where the first seed tells the layout, and says so where none does", () =>
    Effect.gen(function*() {
      const { a, cluster } = yield* connected()
      a.on("HELLO", Reply.error(passing[0]))
      a.drop()
      const error = yield* Effect.flip(cluster.provide(RedisCluster.make({ nodes: ["a:7000"] })))
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.include(error.message, "max number of clients reached")
      assert.include(error.message, "maxclients")
      yield* cluster.provide(RedisCluster.make({ nodes: ["a:7000", "b:7000"] }))
    }))
})

describe("READONLY", () => {
  it.effect.each(passing)(
    "that is refused for now is said again on a new connection: %s",
    (text) =>
      Effect.gen(function*() {
        const { answers, b, c, warm } = yield* shard({ readFrom: "replica" })
        for (const node of [b, c]) node.once("READONLY", Reply.error(text))
        yield* start(warm())
        yield* advance("2 seconds")
        assert.sameMembers(yield* answers(2), ["b:7000", "c:7000"])
      })
  )

  it.effect("that the user may not say leaves reads with those who answer", () =>
    Effect.gen(function*() {
      const { b, c, get } = yield* shard({ readFrom: "preferReplica" })
      for (const node of [b, c]) node.on("READONLY", Reply.error("NOPERM this user has no permissions"))
      assert.deepStrictEqual(yield* reading(get("preferReplica"), 500), Array.from({ length: 10 }, () => "a:7000"))
      const fiber = yield* start(Effect.flip(get("replica")))
      yield* advance("26 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "AuthenticationFailed")
    }))
})

describe("an effect that yields the password", () => {
  const never = Effect.callback<never>(() => {})
  const bad: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>, string]> = [
    ["fails", Effect.fail("the vault is sealed"), "failed"],
    ["dies", Effect.die(new Error("a bug")), "died"],
    [
      "throws",
      Effect.suspend(() => {
        throw new Error("a bug")
      }),
      "died"
    ],
    ["is interrupted", Effect.interrupt, "was interrupted"],
    ["never ends", never, "did not end within 1s (connectTimeout)"],
    ["never ends and can't be interrupted", Effect.uninterruptible(never), "did not end within 1s (connectTimeout)"],
    ["succeeds with text", Effect.succeed("s3cret"), "has to succeed with a Redacted"],
    ["succeeds with nothing", Effect.void, "has to succeed with a Redacted"],
    ["succeeds with a number", Effect.succeed(Redacted.make(5)), "without text"],
    [
      "succeeds with what has been wiped",
      Effect.sync(() => {
        const wiped = Redacted.make("s3cret")
        Redacted.wipeUnsafe(wiped)
        return wiped
      }),
      "without text"
    ]
  ]
  const credentials = (password: Effect.Effect<unknown, unknown>) => ({
    credentials: { password: password as Effect.Effect<Redacted.Redacted> },
    connectTimeout: "1 second" as const
  })

  it.effect.each(bad)("and %s once is asked again, by the policy", ([, effect]) =>
    Effect.gen(function*() {
      let isBad = false
      const password = Effect.suspend(() => isBad ? effect : Effect.succeed(Redacted.make("pw")))
      const { run } = yield* client(credentials(password))
      isBad = true
      const fibers = yield* Effect.forEach(Object.values(ways), (way) => start(run(way)))
      yield* advance("1200 millis")
      isBad = false
      yield* advance("5 seconds")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "done")
    }))

  it.effect.each(bad)(
    "and %s for good is told as a failure to connect",
    ([, effect, problem]) =>
      Effect.gen(function*() {
        let isBad = false
        const password = Effect.suspend(() => isBad ? effect : Effect.succeed(Redacted.make("pw")))
        const { run } = yield* client(credentials(password))
        isBad = true
        const fibers = yield* Effect.forEach(
          [ways["a command"], ways["a command that blocks"]],
          (way) => start(Effect.flip(run(way)))
        )
        yield* advance("30 seconds")
        for (const fiber of fibers) {
          const error = yield* Fiber.join(fiber)
          assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
          assert.include(error.message, problem)
          assert.notInclude(error.message, "s3cret")
        }
      })
  )
})

describe("what a server says of the credentials", () => {
  it.effect("is not repeated when it holds the password", () =>
    Effect.gen(function*() {
      const { b, run } = yield* client({ credentials: { password: Redacted.make("hunter2") } })
      b.on("HELLO", Reply.error("ERR Syntax error in HELLO option 'hunter2'"))
      const fiber = yield* start(run(Effect.flip(Redis.get(keyOfB))))
      yield* advance("26 seconds")
      const error = yield* Fiber.join(fiber)
      assert.notInclude(JSON.stringify(error) + error.message + String(error.stack), "hunter2")
    }))

  it.effect("does not end streams", () =>
    Effect.gen(function*() {
      const { b, run } = yield* client()
      b.on("HELLO", Reply.error(ofCredentials[0]))
      const fiber = yield* start(
        run(Stream.runHead(PubSub.events({ shardChannels: [keyOfB] })))
      )
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      b.on("HELLO", Reply.map([]))
      yield* advance("2 seconds")
      yield* settle
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Some")
    }))
})

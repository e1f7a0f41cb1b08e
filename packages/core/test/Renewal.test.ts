/** Credentials that end, and connections that outlive them. */
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Connection from "../src/Connection.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import type { RedisError } from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import { connectedTo, start } from "./support/client.ts"
import { expiringService } from "./support/expiringService.ts"
import { keyOfA, keyOfB, keyOfC, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { ScriptedConnection } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"
import { brief, confirms, lineTo, message, subscriber } from "./support/subscribers.ts"

const slots: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

/** Lets time pass in steps of 5 ms, with all that happens in between. */
const pass = Effect.fnUntraced(function*(millis: number) {
  yield* settle
  for (let now = 0; now < millis; now += 5) {
    yield* TestClock.adjust(5)
    yield* Effect.replicateEffect(Effect.yieldNow, 4, { discard: true })
  }
  yield* settle
})

const life = 4000

/** A client of a service whose tokens hold for four seconds. */
const client = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const service = expiringService(life)
  const opened = yield* connectedTo(slots, { credentials: service.credentials, ...options }, service.install)
  const { cluster } = opened
  yield* service.guard(cluster)
  const [a, b, c] = ["a:7000", "b:7000", "c:7000"].map((key) => cluster.node(key))
  return { ...opened, ...service, redisCluster: opened.service, a, b, c }
})
type Client = Effect.Success<ReturnType<typeof client>>

/** Writes without a pause on all nodes, and what has failed. */
const writers = Effect.fnUntraced(function*({ cluster, run }: Client) {
  const failures: Array<RedisError> = []
  let done = 0
  for (const node of cluster.nodes.values()) node.delay = 15
  const write = Effect.forEach([keyOfA, keyOfB, keyOfC], (key) =>
    Effect.match(run(Redis.set(key, "v")), {
      onSuccess: () => void done++,
      onFailure: (error) => void failures.push(error)
    }), { concurrency: 3, discard: true })
  // Commands of different fibers overlap, so that something is under way at every moment.
  for (let i = 0; i < 3; i++) {
    yield* Effect.forkScoped(
      Effect.andThen(Effect.sleep(i * 5), Effect.forever(Effect.andThen(write, Effect.sleep(1))))
    )
  }
  return { failures, done: () => done }
})

const auths = ({ received }: ScriptedConnection): number => received.filter((line) => line.startsWith("AUTH")).length

describe("connections whose credentials end", () => {
  it.effect("log in again before that, with one run for all, at different moments, and no write is ever cut", () =>
    Effect.gen(function*() {
      const scene = yield* client({ connectionsPerNode: 3 })
      const { cluster, cuts, logins, provider } = scene
      const { done, failures } = yield* writers(scene)
      yield* pass(50)
      const opened = provider.calls
      yield* pass(3 * life)
      assert.deepStrictEqual([cuts, failures], [[], []])
      assert.isAbove(done(), 800)
      // Each time after 70 to 80 % of its time.
      assert.isAtLeast(provider.calls - opened, 3)
      assert.isAtMost(provider.calls - opened, 4)
      for (const node of cluster.nodes.values()) assert.strictEqual(node.connections.length, 3)
      const firsts = Array.from(logins.values(), ([, { at }]) => at)
      assert.strictEqual(firsts.length, 9)
      assert.isAtLeast(new Set(firsts).size, 7)
      for (const at of firsts) assert.isTrue(at >= 0.7 * life && at <= 0.8 * life + 50, `${at}`)
    }))

  it.effect("are not cut either while the new ones can't be had: they take no more commands shortly before the end", () =>
    Effect.gen(function*() {
      const scene = yield* client()
      const { a, cuts, provider, service } = scene
      const { done, failures } = yield* writers(scene)
      yield* pass(50)
      const opened = provider.calls
      provider.state = "fails"
      yield* pass(0.9 * life)
      // The connections work on, and the effect is asked now and then.
      assert.deepStrictEqual([a.live.length, failures], [1, []])
      assert.isAtLeast(provider.calls - opened, 2)
      assert.isAtMost(provider.calls - opened, 12)
      yield* pass(0.2 * life)
      assert.deepStrictEqual([a.live.length, cuts], [0, []])
      const before = done()
      provider.state = "yields"
      yield* pass(3000)
      assert.isAbove(done(), before)
      assert.deepStrictEqual([cuts, failures, service.isRefusing], [[], [], false])
    }))

  it.effect("stay open while the server refuses the new ones, and log in as soon as it accepts them", () =>
    Effect.gen(function*() {
      const scene = yield* client()
      const { a, cuts, logins, service } = scene
      const { failures } = yield* writers(scene)
      yield* pass(50)
      const [line] = a.live
      service.isRefusing = true
      yield* pass(0.85 * life)
      assert.isAtLeast(auths(line), 1)
      assert.strictEqual(logins.get(line)?.length, 1)
      service.isRefusing = false
      yield* pass(0.1 * life)
      assert.deepStrictEqual([a.live, logins.get(line)?.length, cuts, failures], [[line], 2, [], []])
    }))

  it.effect("that could not log in again are told of among the failures in the background, without a secret", () =>
    Effect.gen(function*() {
      const { redisCluster, run, service } = yield* client()
      yield* run(Redis.set(keyOfA, "v"))
      const fiber = yield* start(Stream.runHead(Stream.filter(
        redisCluster.failures,
        ({ error }) => error.message.includes("about to end")
      )))
      service.isRefusing = true
      yield* pass(1.2 * life)
      const first = yield* Fiber.join(fiber)
      assert.strictEqual(first._tag, "Some")
      if (first._tag === "None") return
      assert.include(first.value.error.message, "WRONGPASS")
      assert.notInclude(JSON.stringify(first.value.error), "token-")
    }))

  it.effect.each(["never ends", "yields nonsense", "repeats"] as const)(
    "are given up in time if the effect %s, and new ones are opened once it yields",
    (state) =>
      Effect.gen(function*() {
        const scene = yield* client({ connectTimeout: "1 second" })
        const { cuts, provider } = scene
        const { done, failures } = yield* writers(scene)
        yield* pass(50)
        provider.state = state
        yield* pass(1.1 * life)
        const before = done()
        provider.state = "yields"
        yield* pass(4000)
        assert.isAbove(done(), before)
        assert.deepStrictEqual([cuts, failures], [[], []])
      })
  )

  it.effect("without a known end are left alone", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo(slots, {
        credentials: Effect.succeed({ username: "app", password: Redacted.make("s") })
      })
      const a = cluster.node("a:7000")
      yield* run(Redis.get(keyOfA))
      yield* TestClock.adjust("10 minutes")
      yield* settle
      assert.deepStrictEqual([a.count("HELLO 3 AUTH app s"), a.count("AUTH app s"), a.live.length], [1, 0, 1])
    }))
})

describe("sessions whose credentials end", () => {
  it.effect("log in again under WATCH, and the transaction goes through", () =>
    Effect.gen(function*() {
      const { a, cuts, logins, run } = yield* client()
      for (const name of ["WATCH", "MULTI"]) a.on(name, Reply.simple("OK"))
      a.on("SET", Reply.simple("QUEUED")).on("EXEC", Reply.array([Reply.simple("OK")]))
      const fiber = yield* start(run(Session.use(
        { keys: keyOfA },
        Effect.gen(function*() {
          yield* Redis.watch([keyOfA])
          yield* Effect.sleep(2 * life)
          yield* Redis.transaction([Redis.set(keyOfA, "w")])
        })
      )))
      yield* pass(2.1 * life)
      yield* Fiber.join(fiber)
      const line = a.connections.find(({ received }) => received.includes(`WATCH ${keyOfA}`))!
      assert.deepStrictEqual([cuts, logins.get(line)!.length], [[], 3])
    }))

  it.effect("whose user has logged in as somebody else stay that user's", () =>
    Effect.gen(function*() {
      const { a, run } = yield* client()
      const lines = () => a.connections.filter(({ received }) => received.includes("AUTH other token-1"))
      yield* run(Session.use(
        { keys: keyOfA },
        Effect.andThen(
          Redis.command("AUTH", ["other", "token-1"]),
          Effect.andThen(Effect.sync(() => assert.strictEqual(lines().length, 1)), Effect.asVoid(Redis.get(keyOfA)))
        )
      ))
      const fiber = yield* start(run(Session.use(
        { keys: keyOfA },
        Effect.andThen(
          Redis.command("AUTH", ["other", "token-1"]),
          Effect.sleep(0.95 * life)
        )
      )))
      yield* pass(0.9 * life)
      const line = lines().at(-1)!
      assert.deepStrictEqual([line.open, auths(line)], [true, 1])
      yield* Fiber.interrupt(fiber)
    }))
})

describe("a command that blocks while the credentials of its connection end", () => {
  it.effect("is unblocked in time, and blocks on another connection for the rest of its time", () =>
    Effect.gen(function*() {
      const { a, cuts, run } = yield* client()
      a.on("BLPOP", "hold")
      a.on("CLIENT UNBLOCK", () => {
        blocked().release(Reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
        return Reply.integer(1)
      })
      const blocked = () =>
        a.live.find(({ unanswered, received }) => unanswered > 0 && received.some((line) => line.startsWith("BLPOP")))!
      const fiber = yield* start(run(Redis.blpop([keyOfA], "1 minute")))
      yield* pass(1.5 * life)
      assert.deepStrictEqual([fiber.pollUnsafe(), cuts], [undefined, []])
      const [first, second] = a.commands.filter((line) => line.startsWith("BLPOP"))
      assert.strictEqual(first, `BLPOP ${keyOfA} 60`)
      assert.match(second, /^BLPOP bar 56/)
      blocked().release(Reply.array([Reply.bulk(keyOfA), Reply.bulk("v")]))
      yield* settle
      assert.deepStrictEqual(yield* Fiber.join(fiber), { key: keyOfA, element: "v" })
    }))

  it.effect("is left where it is if the user may not unblock it", () =>
    Effect.gen(function*() {
      const { a, run } = yield* client()
      a.on("BLPOP", "hold").on("CLIENT UNBLOCK", Reply.error("NOPERM this user has no permissions"))
      const fiber = yield* start(run(Redis.blpop([keyOfA], "1 minute")))
      yield* pass(0.99 * life)
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(a.count(`BLPOP ${keyOfA} 60`), 1)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("and ends in time leaves it to its connection to log in", () =>
    Effect.gen(function*() {
      const { a, cuts, run } = yield* client()
      a.on("BLPOP", "hold")
      const fiber = yield* start(run(Session.use(
        { keys: keyOfA },
        Effect.andThen(
          Redis.blpop([keyOfA], "1 minute"),
          Effect.andThen(Effect.sleep(life / 2), Redis.get(keyOfA))
        )
      )))
      yield* pass(0.85 * life)
      const line = a.live.find(({ unanswered }) => unanswered > 0)!
      assert.strictEqual(auths(line), 0)
      line.release(Reply.array([Reply.bulk(keyOfA), Reply.bulk("v")]))
      yield* pass(0.6 * life)
      assert.deepStrictEqual([yield* Fiber.join(fiber), auths(line), cuts], ["a:7000", 1, []])
    }))
})

describe("subscriptions whose credentials end", () => {
  it.effect("log in again, later than others, and miss nothing", () =>
    Effect.gen(function*() {
      const service = expiringService(life)
      const { a, b, c, cluster, hear } = yield* subscriber({
        credentials: service.credentials,
        prepare: service.install
      })
      yield* service.guard(cluster)
      const { events } = yield* hear({ channels: ["news"] })
      const home = [a, b, c].find((node) => node.commands.includes("SUBSCRIBE news"))!
      const line = lineTo(home)
      yield* pass(2 * life)
      line.send(message("news", "still here"))
      yield* settle
      assert.deepStrictEqual([brief(events), service.cuts], [["Subscribed", "still here"], []])
      const ofLine = service.logins.get(line)!
      assert.isAtLeast(ofLine.length, 3)
      assert.isAtLeast(ofLine[1].at, 0.8 * life)
    }))

  it.effect("are left alone in RESP2, where a subscriber may not log in", () =>
    Effect.gen(function*() {
      const service = expiringService(life)
      const { a, b, c, cluster, hear } = yield* subscriber({
        credentials: service.credentials,
        prepare: (cluster) => {
          service.install(cluster)
          for (const node of cluster.nodes.values()) {
            confirms(node).on("HELLO", Reply.error("NOPROTO unsupported protocol version")).on(
              "CLIENT ID",
              Reply.integer(7)
            )
          }
        }
      })
      yield* hear({ channels: ["news"] })
      const home = [a, b, c].find((node) => node.commands.includes("SUBSCRIBE news"))!
      const line = lineTo(home)
      assert.strictEqual(auths(line), 1)
      yield* pass(0.99 * life)
      assert.deepStrictEqual([line.open, auths(line)], [true, 1])
      assert.isAtLeast(auths(home.live.find((each) => each !== line)!), 2)
      assert.isDefined(cluster)
    }))
})

describe("a connection outside of the pool", () => {
  const one = Effect.fnUntraced(function*(options: Connection.Options) {
    const cluster = scriptedCluster([[0, 16383, "a:7000"]])
    const node = cluster.node("a:7000")
    node.on("MULTI", Reply.simple("OK")).on("GET", Reply.bulk("v"))
    const connection = yield* cluster.provide(Connection.make(Address.tcp("a", 7000), options))
    return { cluster, node, connection }
  })

  const token = { username: "app", password: Redacted.make("s") }

  it.effect("logs in again, too", () =>
    Effect.gen(function*() {
      let turn = 0
      const credentials = Effect.sync(() => ({ password: Redacted.make(`t${++turn}`), validFor: "1 hour" as const }))
      const { node } = yield* one({ credentials })
      yield* TestClock.adjust("50 minutes")
      yield* settle
      assert.deepStrictEqual([node.count("HELLO 3 AUTH default t1"), node.count("AUTH default t2")], [1, 1])
    }))

  it.effect("never in a transaction that is open on it", () =>
    Effect.gen(function*() {
      const { connection, node } = yield* one({ credentials: Effect.succeed({ ...token, validFor: "1 hour" }) })
      yield* connection.execute(Redis.command("MULTI"))
      yield* TestClock.adjust("2 hours")
      yield* settle
      assert.deepStrictEqual([node.count("AUTH app s"), node.live.length], [0, 1])
    }))

  it.effect("takes a DateTime, a Date or milliseconds for the end, and the earlier of two", () =>
    Effect.gen(function*() {
      const now = DateTime.makeUnsafe(60_000)
      const grants = [{ expiresAt: now }, { expiresAt: new Date(60_000) }, { expiresAt: 60_000 }, {
        validFor: "1 minute" as const
      }, {
        expiresAt: 60_000,
        validFor: Infinity
      }, { expiresAt: 600_000, validFor: "1 minute" as const }]
      for (const grant of grants) {
        let turn = 0
        const credentials = Effect.sync(() => turn++ === 0 ? { ...token, ...grant } : token)
        yield* Effect.scoped(Effect.gen(function*() {
          const { node } = yield* one({ credentials })
          yield* TestClock.setTime(40_000)
          yield* settle
          assert.strictEqual(node.count("AUTH app s"), 0)
          yield* TestClock.setTime(49_000)
          yield* settle
          assert.strictEqual(node.count("AUTH app s"), 1, JSON.stringify(grant))
        }))
        yield* TestClock.setTime(0)
      }
    }))

  const bad: ReadonlyArray<readonly [name: string, grant: unknown, problem: string]> = [
    ["nothing", undefined, "a plain object"],
    ["text", "s3cret", "a plain object"],
    ["a password that is not Redacted", { password: "s3cret" }, "Redacted.make(password)"],
    ["no password", {}, "Redacted.make(password)"],
    ["an unknown field", { ...token, expires: 1 }, "is not an option"],
    ["a date that is none", { ...token, expiresAt: new Date(NaN) }, "milliseconds since 1970"],
    ["text for a date", { ...token, expiresAt: "2026-01-01" }, "milliseconds since 1970"],
    ["no time at all", { ...token, validFor: 0 }, "validFor"],
    ["an end that has passed", { ...token, expiresAt: -5000 }, "they ended 5 s ago"],
    ["a getter that throws", {
      ...token,
      get expiresAt() {
        throw new Error("s3cret")
      }
    }, "a getter"]
  ]
  it.effect.each(bad)("fails to connect if the effect yields %s", ([, grant, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(one({ credentials: Effect.succeed(grant) as Effect.Effect<Connection.Grant> }))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
      assert.include(error.message, problem)
      assert.notInclude(JSON.stringify(error) + error.message, "s3cret")
    }))
})

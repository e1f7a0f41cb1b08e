/** What a test can let happen to replies, and let nodes say: seen by a socket of one's own, with no client to repair it. */
import { assert, describe, it } from "@effect/vitest"
import { Resp } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

/** A connection to the first node that keeps what it is told as text. */
const connect = Effect.gen(function*() {
  const { connector, service } = yield* FakeCluster.make({ primaries: 1 })
  let told = ""
  const transport = yield* connector.open(service.addresses[0], {
    onData: (bytes) => {
      told += new TextDecoder().decode(bytes)
    },
    onClose: (problem) => {
      told += `<closed: ${problem}>`
    },
    onDrain: () => {}
  })
  const settled = Effect.callback<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  })
  return {
    fake: service,
    /** Sends lines, and answers what was told until nothing more happens. */
    ask: (lines: string) =>
      Effect.andThen(
        Effect.sync(() => transport.write([new TextEncoder().encode(lines)])),
        Effect.andThen(settled, Effect.sync(() => told))
      ).pipe(Effect.tap(() =>
        Effect.sync(() => {
          told = ""
        })
      ))
  }
})

describe("mishaps", () => {
  it.effect("a reply is lost, and the command was executed", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("any", "incr", "drop")
      assert.strictEqual(yield* ask("PING\nINCR a\nGET a\nINCR a\n"), "+PONG\r\n$1\r\n1\r\n:2\r\n")
    }))

  it.effect("a reply comes twice, and each of several replies", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("fake-0", "SUBSCRIBE", "duplicate")
      yield* fake.mishap("fake-0", "PING", "duplicate")
      const subscribed = (channel: string, count: number) =>
        `*3\r\n$9\r\nsubscribe\r\n$1\r\n${channel}\r\n:${count}\r\n`.repeat(2)
      assert.strictEqual(
        yield* ask("PING\nSUBSCRIBE a b\n"),
        "+PONG\r\n".repeat(2) + subscribed("a", 1) + subscribed("b", 2)
      )
    }))

  it.effect("a reply is late, and what comes behind it waits", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("any", "ECHO", { delay: "1 second" })
      assert.strictEqual(yield* ask("PING 1\nECHO 2\nPING 3\n"), "$1\r\n1\r\n")
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* ask("PING 4\n"), "")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* ask("PING 5\n"), "$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n")
    }))

  it.effect("after an infinite delay a connection is silent, and only that one", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("any", "ECHO", { delay: "Infinity" })
      assert.strictEqual(yield* ask("ECHO 1\nPING\n"), "")
      yield* TestClock.adjust("10 days")
      assert.strictEqual(yield* ask("PING\n"), "")
      assert.strictEqual(yield* fake.command("fake-0", "PING"), "PONG")
    }))

  it.effect("other bytes arrive", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("any", "GET", (reply) => reply.subarray(0, 3), { times: Infinity })
      assert.strictEqual(yield* ask("SET a hello\nGET a\nGET a\n"), "+OK\r\n$5\r$5\r")
    }))

  it.effect("the reply of a command that blocked is lost when it comes", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("any", "BLPOP", "drop")
      assert.strictEqual(yield* ask("BLPOP list 0\n"), "")
      yield* fake.command("fake-0", "RPUSH", ["list", "1"])
      assert.strictEqual(yield* ask("PING\n"), "+PONG\r\n")
      assert.strictEqual(yield* fake.command("fake-0", "LLEN", ["list"]), 0)
    }))

  it.effect("a predicate is told the connection", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      const id = Number((yield* ask("CLIENT ID\n")).slice(1))
      yield* fake.mishap("any", (command, connection) => command[0] === "PING" && connection === id, "drop")
      assert.strictEqual(yield* fake.command("fake-0", "PING"), "PONG")
      assert.strictEqual(yield* ask("PING\nECHO 1\n"), "$1\r\n1\r\n")
    }))

  it.effect("the connection closes behind a QUIT whose reply is lost", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.mishap("any", "QUIT", "drop")
      assert.match(yield* ask("QUIT\n"), /^<closed: /)
    }))

  it.effect("a scripted reply has a mishap too, and its text is UTF-8", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      yield* fake.reply("any", "GET", Resp.Reply.bulk("grüße"))
      yield* fake.mishap("any", "GET", "duplicate")
      assert.strictEqual(yield* ask("GET a\nGET a\n"), "$7\r\ngrüße\r\n".repeat(2) + "$-1\r\n")
    }))

  it.effect("what throws in a function of the test fails its command alone", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      const broken = () => {
        throw new Error("broken")
      }
      yield* fake.reply("any", broken, "ERR never")
      assert.match(yield* ask("PING\n"), /^-ERR internal error of the simulated server: .*broken/)
      yield* fake.mishap("any", "ECHO", broken)
      assert.match(yield* ask("ECHO 1\n"), /^-ERR .*broken/)
    }))
})

describe("what nobody asked for", () => {
  it.effect("is said on all connections, or on one", () =>
    Effect.gen(function*() {
      const { ask, fake } = yield* connect
      assert.strictEqual(yield* fake.say("fake-0", Resp.Reply.integer(7)), 1)
      assert.strictEqual(yield* ask("PING\n"), ":7\r\n+PONG\r\n")
      const id = Number((yield* ask("CLIENT ID\n")).slice(1))
      yield* fake.say("fake-0", Resp.Reply.map([[Resp.Reply.simple("a"), Resp.Reply.null]]), { connection: id })
      assert.strictEqual(yield* ask(""), "*2\r\n+a\r\n$-1\r\n")
      yield* fake.say("fake-0", new TextEncoder().encode("?garbage"))
      assert.strictEqual(yield* ask(""), "?garbage")
    }))
})

describe("who has no types", () => {
  const refused = (
    attempt: (fake: FakeCluster.FakeCluster["Service"]) => Effect.Effect<unknown, FakeCluster.FakeClusterError>
  ) =>
    Effect.gen(function*() {
      const { fake } = yield* connect
      const error = yield* Effect.flip(attempt(fake))
      assert.instanceOf(error, FakeCluster.FakeClusterError)
      return error.problem
    })
  const none = undefined as never

  it.effect("is told what a mishap, a match, a reply and a count are", () =>
    Effect.gen(function*() {
      assert.include(yield* refused((fake) => fake.mishap("any", "GET", none)), `a mishap is undefined: give "drop"`)
      assert.include(
        yield* refused((fake) => fake.mishap("any", "GET", "lost" as never)),
        `a mishap is "lost": give "drop"`
      )
      assert.include(
        yield* refused((fake) => fake.mishap("any", "GET", {} as never)),
        "the delay of a mishap is undefined"
      )
      assert.include(yield* refused((fake) => fake.mishap("any", none, "drop")), "give its name")
      assert.include(yield* refused((fake) => fake.mishap(none, "GET", "drop")), "there is no node undefined")
      assert.include(yield* refused((fake) => fake.mishap("any", "GET", "drop", { times: 0 })), "times is 0")
      assert.include(
        yield* refused((fake) => fake.reply("any", "GET", none)),
        "the reply is undefined: give one of Resp.Reply"
      )
      assert.include(yield* refused((fake) => fake.reply("any", "GET", {} as never)), "the reply is an object")
      assert.include(yield* refused((fake) => fake.say("fake-0", 1 as never)), "the reply is 1")
      assert.include(yield* refused((fake) => fake.say("fake-0", "ERR x", { connection: 99 })), "has no connection 99")
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Connection from "../src/Connection.ts"
import * as Redis from "../src/Redis.ts"
import { settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const address = Address.tcp("a", 7000)
const secret = "correct horse battery staple"
const password = Redacted.make(secret)

const oneNode = () => {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000")
  const connect = (options?: Connection.Options) => cluster.provide(Connection.make(address, options))
  return { cluster, node, connect }
}

const noHello = Reply.error(
  `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '${secret}' `
)

const libraryInfo = (line: string) => line.startsWith("CLIENT SETINFO")

describe("the handshake", () => {
  it.effect("says HELLO 3 first and alone, then tells what library this is", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      const connection = yield* connect()
      assert.strictEqual(connection.protocol, 3)
      const [first, ...rest] = node.connections[0].received
      assert.strictEqual(first, "HELLO 3")
      assert.deepStrictEqual(rest.map((line) => line.replace(/\S+$/, "*")), [
        "CLIENT SETINFO LIB-NAME *",
        "CLIENT SETINFO LIB-VER *",
        "CLIENT CAPA *"
      ])
      assert.deepStrictEqual(node.connections[0].writes, [1, 3])
    }))

  it.effect("puts the credentials and the name into HELLO", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      yield* connect({ credentials: { username: "ada", password }, clientName: "billing" })
      assert.strictEqual(node.connections[0].received[0], `HELLO 3 AUTH ada ${secret} SETNAME billing`)
      assert.strictEqual(node.connections[0].received.length, 4)
    }))

  it.effect("logs in as the default user when no user is named", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      yield* connect({ credentials: { password } })
      assert.strictEqual(node.connections[0].received[0], `HELLO 3 AUTH default ${secret}`)
    }))

  it.effect("asks an effect for the password, anew for every connection (trap 55)", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      let turn = 0
      const token = Effect.sync(() => Redacted.make(`token-${++turn}`))
      yield* connect({ credentials: { username: "ada", password: token } })
      yield* connect({ credentials: { username: "ada", password: token } })
      assert.deepStrictEqual(node.connections.map(({ received }) => received[0]), [
        "HELLO 3 AUTH ada token-1",
        "HELLO 3 AUTH ada token-2"
      ])
    }))

  it.effect("fails, unsent, when the effect that yields the password fails", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      const error = yield* Effect.flip(connect({ credentials: { password: Effect.fail("the vault is sealed") } }))
      assert.strictEqual(error.reason._tag, "ConnectionFailed")
      assert.strictEqual(error.delivery, "NotSent")
      assert.deepStrictEqual(node.connections[0].received, [])
    }))

  it.effect("fails when the effect that yields the password dies", () =>
    Effect.gen(function*() {
      const { connect } = oneNode()
      const exit = yield* Effect.exit(connect({ credentials: { password: Effect.die(new Error("a bug")) } }))
      assert.isTrue(Exit.isFailure(exit))
    }))

  it.effect.each(
    [
      ["an unknown command", noHello],
      ["a refused protocol", Reply.error("NOPROTO unsupported protocol version")],
      // Envoy wants AUTH before anything else, HELLO included.
      ["a proxy that knows only AUTH", Reply.error("NOAUTH Authentication required.")]
    ] as const
  )("falls back to RESP2 on %s", ([, refusal]) =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", refusal).on("GET", Reply.null)
      const connection = yield* connect({ credentials: { username: "ada", password }, clientName: "billing" })
      assert.strictEqual(connection.protocol, 2)
      const { received } = node.connections[0]
      assert.deepStrictEqual(received.slice(1, 3), [`AUTH ada ${secret}`, "CLIENT SETNAME billing"])
      assert.strictEqual(yield* connection.execute(Redis.get("k")), null)
    }))

  it.effect("goes on without a name where CLIENT SETNAME is refused", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", noHello).on("CLIENT SETNAME", Reply.error("ERR unknown command 'CLIENT'")).on("GET", Reply.null)
      const connection = yield* connect({ clientName: "billing" })
      assert.strictEqual(yield* connection.execute(Redis.get("k")), null)
    }))

  it.effect("does not take a name's NOAUTH for a refused name", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", noHello).on("CLIENT SETNAME", Reply.error("NOAUTH Authentication required."))
      const error = yield* Effect.flip(connect({ clientName: "billing" }))
      assert.strictEqual(error.reason._tag, "AuthenticationFailed")
    }))

  it.effect("gives AUTH only the password when no user is named, as servers before 6 want it", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", noHello)
      yield* connect({ credentials: { password } })
      assert.strictEqual(node.connections[0].received[1], `AUTH ${secret}`)
    }))

  it.effect.each(
    [
      ["HELLO", Reply.map([])],
      ["AUTH", noHello]
    ] as const
  )(
    "fails with AuthenticationFailed when %s is refused, and tells no password",
    ([name, hello]) =>
      Effect.gen(function*() {
        const { connect, node } = oneNode()
        const wrong = Reply.error("WRONGPASS invalid username-password pair or user is disabled.")
        node.on("HELLO", hello).on(name, wrong)
        const error = yield* Effect.flip(connect({ credentials: { username: "ada", password } }))
        assert.strictEqual(error.reason._tag, "AuthenticationFailed")
        assert.strictEqual(error.delivery, "NotSent")
        assert.notInclude(JSON.stringify(error) + error.message + String(error), secret)
        assert.include(error.message, "WRONGPASS")
      })
  )

  it.effect("fails with AuthenticationFailed when the server wants credentials and none were given", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", Reply.error("NOAUTH HELLO must be called with the client already authenticated"))
      const error = yield* Effect.flip(connect())
      assert.strictEqual(error.reason._tag, "AuthenticationFailed")
    }))

  it.effect.each(["SETINFO", "CAPA"])(
    "does not mind a server that does not know CLIENT %s",
    (name) =>
      Effect.gen(function*() {
        const { connect, node } = oneNode()
        node.on(`CLIENT ${name}`, Reply.error(`ERR unknown subcommand '${name}'`)).on("GET", Reply.bulk("1"))
        const connection = yield* connect()
        assert.strictEqual(yield* connection.execute(Redis.get("k")), "1")
      })
  )

  it.effect("fails when the connection is lost before it is over", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("CLIENT SETINFO", "drop")
      const error = yield* Effect.flip(connect())
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "NotSent"])
    }))

  it.effect("declares READONLY where replicas are to be read, on every connection (trap 32)", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      yield* connect({ readOnly: true })
      yield* connect({ readOnly: true })
      yield* connect()
      assert.deepStrictEqual(node.connections.map(({ received }) => received.includes("READONLY")), [
        true,
        true,
        false
      ])
    }))

  it.effect("selects the database, if it is not the first one anyway", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      yield* connect({ database: 3 })
      yield* connect({ database: 0 })
      assert.deepStrictEqual(
        node.connections.map(({ received }) => received.filter((line) => line.startsWith("SELECT"))),
        [["SELECT 3"], []]
      )
    }))

  it.effect.each([
    ["ERR SELECT is not allowed in cluster mode", "leave out database, or use Valkey 9"],
    ["ERR DB index is out of range", "give a smaller database"]
  ])("says what to do when the database is refused: %s", ([refusal, advice]) =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("SELECT", Reply.error(refusal))
      const error = yield* Effect.flip(connect({ database: 3 }))
      assert.strictEqual(error.reason._tag, "ConnectionFailed")
      assert.include(error.message, advice)
    }))

  it.effect.each([-1, 1.5, "1", NaN, null, [1]])(
    "takes no database but a whole number: %s",
    (database) =>
      Effect.gen(function*() {
        const { connect } = oneNode()
        const error = yield* Effect.flip(connect({ database: database as number }))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.include(error.message, "database has to be a whole number from 0 up")
      })
  )

  it.effect.each([
    "ERR This instance has cluster support disabled",
    "ERR unknown command 'READONLY', with args beginning with: "
  ])("goes on without READONLY where there is none: %s", (refusal) =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("READONLY", Reply.error(refusal)).on("GET", Reply.bulk("1"))
      const connection = yield* connect({ readOnly: true })
      assert.strictEqual(yield* connection.execute(Redis.get("k")), "1")
    }))

  it.effect("fails when READONLY is refused", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("READONLY", Reply.error("NOPERM this user has no permissions"))
      const error = yield* Effect.flip(connect({ readOnly: true }))
      assert.strictEqual(error.command, "READONLY")
      assert.strictEqual(error.delivery, "NotSent")
    }))

  it.effect("lets no command go before the handshake is done", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", "hold").on("GET", Reply.bulk("1"))
      const fiber = yield* Effect.forkChild(
        Effect.flatMap(connect(), (connection) => connection.execute(Redis.get("k")))
      )
      yield* settle
      assert.deepStrictEqual(node.connections[0].received, ["HELLO 3"])
      node.connections[0].release(Reply.map([]))
      assert.strictEqual(yield* Fiber.join(fiber), "1")
      assert.strictEqual(node.connections[0].received.at(-1), "GET k")
      assert.strictEqual(node.connections[0].received.filter(libraryInfo).length, 2)
    }))

  it.effect("survives replies cut at every byte", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.chunkSize = 1
      const connection = yield* connect({ readOnly: true })
      assert.strictEqual(connection.protocol, 3)
    }))
})

describe("a handshake that does not come to an end", () => {
  it.effect.each(["neither", "frozen"] as const)(
    "is given up after the connect timeout: %s",
    (how) =>
      Effect.gen(function*() {
        const { cluster, connect, node } = oneNode()
        if (how === "frozen") node.frozen = true
        else node.accepts = "neither"
        const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(connect({ connectTimeout: "2 seconds" }))))
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error.reason._tag, "ConnectionFailed")
        assert.strictEqual(error.delivery, "NotSent")
        assert.strictEqual(error.node, "a:7000")
        assert.strictEqual(cluster.live, 0)
      })
  )

  it.effect("fails when the peer hangs up during it", () =>
    Effect.gen(function*() {
      const { cluster, connect, node } = oneNode()
      node.on("HELLO", "drop")
      const error = yield* Effect.flip(Effect.scoped(connect()))
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual(error.delivery, "NotSent")
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("fails when the connection is refused", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.accepts = "none"
      const error = yield* Effect.flip(connect())
      assert.strictEqual(error.reason._tag, "ConnectionFailed")
      assert.include(error.message, "a:7000 refused the connection")
    }))

  it.effect("says why when the server turns us away before we have said a word", () =>
    Effect.gen(function*() {
      const { connect, node } = oneNode()
      node.on("HELLO", (_, connection) => {
        connection.send("-ERR max number of clients reached\r\n")
        return "drop"
      })
      const error = yield* Effect.flip(connect())
      assert.include(error.message, "max number of clients reached")
      assert.strictEqual(error.delivery, "NotSent")
    }))

  it.effect("can be interrupted, and leaves nothing open", () =>
    Effect.gen(function*() {
      const { cluster, connect, node } = oneNode()
      node.frozen = true
      const scope = yield* Scope.make()
      const fiber = yield* Effect.forkChild(Scope.provide(connect(), scope))
      yield* settle
      assert.strictEqual(cluster.live, 1)
      yield* Fiber.interrupt(fiber)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(cluster.live, 0)
    }))
})

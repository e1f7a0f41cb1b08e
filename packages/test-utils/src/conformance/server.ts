/**
 * Cases for the commands with which servers describe themselves. They change nothing that other cases could notice.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import type * as Resp from "@redisc/core/Resp"
import * as Session from "@redisc/core/Session"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

/** A map of RESP3 or the list of RESP2 in its place, as text. */
const text = (value: Resp.Value): string =>
  String(
    value instanceof Map ? Array.from(value.values(), (each) => each instanceof Set ? Array.from(each) : each) : value
  )

const keyOf = (name: string) => freshKeys(`server:${name}`)

/**
 * @category suites
 * @since 0.1.0
 */
export const server: ReadonlyArray<Case> = [
  test(
    "no argument comes back in an error",
    Effect.gen(function*() {
      const key = yield* keyOf("secrets")
      const secret = "hunter2-s3cret"
      const commands: ReadonlyArray<Command.Command<unknown>> = [
        Redis.command("ACL SETUSER", [key("user"), `>${secret}`, `it's ${secret}`]),
        Redis.command("ACL CAT", [secret]),
        Redis.command("CONFIG SET", [secret, secret]),
        Redis.command("NO.SUCH", [secret, "x".repeat(200)], { keys: [] }),
        Redis.command("CLIENT", ["NOSUCH", secret], { keys: [] }),
        Redis.eval("return redis.error_reply(ARGV[1])", { args: [secret] }),
        Redis.eval("return redis.error_reply('BAD ' .. ARGV[1])", { args: [secret] }),
        Redis.eval(`return ${secret} nonsense '`),
        Redis.xreadgroup(secret, "c", { [key(secret)]: ">" }),
        Redis.set(key("a"), "1").pipe(() => Redis.command("SET", [key("a"), "1", "EX", secret]))
      ]
      for (const command of commands) {
        const { message, reason } = yield* Effect.flip(command)
        assert.equal(reason._tag, "ServerError", message)
        assert.doesNotMatch(`${message} ${JSON.stringify(reason)}`, /s3cret|xxxxx/i)
      }
    })
  ),
  test(
    "a session may ask for tracking, and the server repeats what was asked",
    Effect.gen(function*() {
      const key = yield* keyOf("tracking")
      const client = (...args: ReadonlyArray<string>) => Redis.command("CLIENT", args, { keys: [] })
      const told = yield* Session.use(
        { keys: [key("a")] },
        Effect.gen(function*() {
          yield* client("TRACKING", "ON", "OPTIN", "NOLOOP")
          assert.equal(yield* failure(client("TRACKING", "ON", "OPTOUT")), "ERR")
          assert.equal(yield* failure(client("CACHING", "NO")), "ERR")
          yield* client("CACHING", "YES")
          assert.equal(yield* Redis.get(key("a")), null)
          const redirection = yield* client("GETREDIR")
          const info = yield* client("TRACKINGINFO")
          yield* client("TRACKING", "OFF")
          return { redirection, info, after: yield* client("TRACKINGINFO") }
        })
      )
      assert.equal(told.redirection, 0)
      assert.match(text(told.info), /\bon,optin,noloop\b/)
      assert.match(text(told.after), /\boff\b/)
    })
  ),
  test(
    "PING and ECHO answer",
    Effect.gen(function*() {
      assert.equal(yield* Redis.ping(), "PONG")
      assert.equal(yield* Redis.ping("hello"), "hello")
      assert.equal(yield* Redis.ping(""), "")
      assert.equal(yield* Redis.echo("grüße"), "grüße")
      assert.deepEqual(yield* Command.bytes(Redis.echo(Uint8Array.from([0, 255]))), Uint8Array.from([0, 255]))
    })
  ),
  test(
    "INFO tells fields, of some sections or of all",
    Effect.gen(function*() {
      assert.match(yield* Redis.info(["server"]), /^# Server\r\n/)
      const fields = yield* Redis.infoFields(["server", "replication"])
      assert.match(fields["redis_version"], /^\d+\.\d+\.\d+/)
      assert.ok("role" in fields)
      assert.ok("redis_version" in (yield* Redis.infoFields()))
      assert.deepEqual({ ...(yield* Redis.infoFields(["nothing"])) }, {})
    })
  ),
  test(
    "DBSIZE counts keys",
    Effect.gen(function*() {
      yield* Redis.set((yield* keyOf("dbsize"))("a"), "1")
      assert.ok((yield* Redis.dbsize()) >= 1)
    })
  ),
  test(
    "TIME is the clock of a server",
    Effect.gen(function*() {
      const { microseconds, seconds } = yield* Redis.time()
      assert.ok(Number.isInteger(seconds) && seconds >= 0)
      assert.ok(Number.isInteger(microseconds) && microseconds >= 0 && microseconds < 1_000_000)
    })
  ),
  test(
    "CONFIG GET reads parameters by pattern, CONFIG SET writes them",
    Effect.gen(function*() {
      const before = yield* Redis.configGet(["maxmemory", "maxmemory-p*"])
      assert.deepEqual(Object.keys(before).sort(), ["maxmemory", "maxmemory-policy"])
      assert.deepEqual({ ...(yield* Redis.configGet(["nothing"])) }, {})
      assert.equal(yield* Redis.configSet(before), "OK")
      assert.equal(yield* failure(Redis.configSet({ nothing: "1" })), "ERR")
      assert.equal(yield* failure(Redis.configGet([])), "InvalidArgument")
    })
  ),
  test(
    "a connection knows itself",
    Effect.gen(function*() {
      assert.ok((yield* Redis.clientId()) > 0)
      const info = yield* Redis.clientInfo()
      assert.match(info["id"], /^\d+$/)
      assert.match(info["addr"], /:\d+$/)
      const name = yield* Redis.clientGetname()
      assert.ok(name === null || typeof name === "string")
    })
  ),
  test(
    "CLIENT LIST lists connections, all or some",
    Effect.gen(function*() {
      const all = yield* Redis.clientList()
      assert.ok(all.length >= 1)
      assert.ok(all.every((client) => /^\d+$/.test(client["id"]) && "addr" in client))
      assert.ok((yield* Redis.clientList({ type: "normal" })).length >= 1)
      assert.deepEqual(yield* Redis.clientList({ id: [Number.MAX_SAFE_INTEGER] }), [])
      assert.equal(yield* failure(Redis.clientList({ id: [] })), "InvalidArgument")
    })
  ),
  test(
    "MEMORY USAGE measures a key",
    Effect.gen(function*() {
      const key = yield* keyOf("memory")
      assert.equal(yield* Redis.memoryUsage(key("missing")), null)
      yield* Redis.set(key("a"), "x".repeat(1000))
      assert.ok(((yield* Redis.memoryUsage(key("a"))) ?? 0) >= 1000)
      yield* Redis.command("RPUSH", [key("list"), "a", "b"])
      assert.ok(((yield* Redis.memoryUsage(key("list"), { samples: 0 })) ?? 0) > 0)
      assert.equal(yield* failure(Redis.memoryUsage(key("a"), { samples: -1 })), "ERR")
    })
  ),
  test(
    "SLOWLOG LEN counts",
    Effect.gen(function*() {
      assert.ok((yield* Redis.slowlogLen()) >= 0)
    })
  ),
  test(
    "ROLE tells the part in replication",
    Effect.gen(function*() {
      const role = yield* Redis.role()
      assert.ok(role.role === "primary" || role.role === "replica")
      assert.ok(role.offset >= 0)
    })
  )
]

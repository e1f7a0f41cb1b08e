import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Client from "../src/Client.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import * as Script from "../src/Script.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Answer, ScriptedNode } from "./support/ScriptedCluster.ts"

/** How many commands of that name the node was sent. */
const sent = (node: ScriptedNode, name: string): number =>
  node.commands.filter((text) => text.split(" ")[0] === name).length

const beyond = Reply.integer(9007199254740993n)
const text = Reply.bulk("no number")

const unusable: ReadonlyArray<readonly [what: string, answer: Answer, command: Command.Any]> = [
  ["an integer beyond 2^53", beyond, Redis.incr(keyOfA)],
  ["another text than the command promises", Reply.bulk("done"), Redis.set(keyOfA, "1")],
  ["what does not fit a schema", text, Redis.get(keyOfA).pipe(Command.schema(Schema.FiniteFromString))],
  [
    "what does not fit the schema of a script",
    text,
    Script.make({ lua: "return 1", params: () => ({ keys: [keyOfA] }), result: Schema.Number })()
  ]
]

describe("an answer that can't be used", () => {
  it.effect.each(unusable)(
    "is of a command that was executed, and the error says so: %s",
    ([, answer, command]) =>
      Effect.gen(function*() {
        const { a, service } = yield* connected()
        a.on(command.spec.name, answer)
        const error = yield* Effect.flip(service.execute(command))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["DecodeFailed", "Executed"])
        assert.match(error.message, /; the command was executed$/)
        const [piped] = yield* service.executeAll([command])
        assert.isTrue(Result.isFailure(piped) && piped.failure.delivery === "Executed")
      })
  )

  it.effect("in a transaction is of a command that was executed", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("MULTI", Reply.simple("OK")).on("INCR", Reply.simple("QUEUED")).on("EXEC", Reply.array([beyond]))
      const error = yield* Effect.flip(service.execute(Redis.transaction([Redis.incr(keyOfA)])))
      assert.deepStrictEqual([error.command, error.delivery], ["INCR", "Executed"])
    }))
})

/** What servers say before they begin, as Redis 7.0 and 8.0 and Valkey 8.1 and 9.1 do. */
const unbegun = [
  "ERR wrong number of arguments for 'eval' command",
  "ERR unknown command 'EVAL', with args beginning with: 'return 1' ",
  "ERR Error compiling script (new function): user_script:1: '<eof>' expected near 'bar'",
  "ERR Unexpected engine in script shebang: #!js",
  "ERR Could not find scripting engine 'js'",
  "ERR Unknown lua shebang option: name=x",
  "ERR Can not execute a script with write flag using *_ro command.",
  "ERR Can not run script on cluster, 'no-cluster' flag is set.",
  "ERR Number of keys can't be greater than number of args",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "NOREPLICAS Not enough good replicas to write.",
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
  "NOPERM this user has no permissions to run the 'eval' command",
  "NOPERM this user has no permissions to access one of the keys used as arguments",
  "NOPERM User lim has no permissions to run the 'eval' command",
  "NOPERM No permissions to access a key",
  "NOAUTH Authentication required.",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "CROSSSLOT Keys in request don't hash to the same slot"
]

/** What comes out of a script, and proves nothing. */
const outOfScripts = [
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "WRONGTYPE Operation against a key holding the wrong kind of value script: 9e86, on @user_script:1.",
  "ERR user_script:1: boom script: on @user_script:1.",
  "ERR value is not an integer or out of range",
  "ERR wrong number of arguments for 'hset' command",
  "ERR Unknown command called from script",
  "ERR Unknown Redis command called from script script: bbef, on @user_script:1.",
  "ERR Script attempted to access a non local key in a cluster node",
  "ERR Attempted to access a non local key in a cluster node script: on @user_script:1.",
  "ERR ACL failure in script: User lim has no permissions to run the 'set' command",
  "OOM command not allowed when used memory > 'maxmemory'. script: 12b6, on @user_script:1.",
  "NOSCRIPT No matching script. Please use EVAL.",
  "MOVED 1 x:1",
  "ASK 1 x:1",
  "TRYAGAIN soon",
  "CLUSTERDOWN not now",
  "LOADING slowly",
  "READONLY not here"
]

/** What is the same for everybody, and tried again. */
const passing = [
  "READONLY You can't write against a read only replica.",
  "READONLY You can't write against a read only replica. script: 9e86, on @user_script:1.",
  "LOADING Redis is loading the dataset in memory",
  "LOADING Valkey is loading the dataset in memory",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "CLUSTERDOWN The cluster is down",
  "CLUSTERDOWN Hash slot not served",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  `MOVED ${slotOfA} a:7000`,
  `ASK ${slotOfA} a:7000`
]

const script = Redis.eval("return 1", { keys: [keyOfA] })

describe("an error of a script", () => {
  it.effect.each(unbegun)("that can't begin is a rejection: %s", (text) =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("EVAL", Reply.error(text))
      assert.strictEqual((yield* Effect.flip(service.execute(script))).delivery, "Rejected")
      assert.strictEqual(sent(a, "EVAL"), 1)
    }))

  it.effect.each(outOfScripts)(
    "that has begun proves nothing, and nothing is tried again: %s",
    (text) =>
      Effect.gen(function*() {
        const { a, service } = yield* connected()
        a.on("EVAL", Reply.error(text)).on("FCALL", Reply.error(text)).on("EVAL_RO", Reply.error(text))
        const fcall = Redis.fcall("f", { keys: [keyOfA] })
        for (const command of [script, fcall, Redis.command("EVAL", ["return 1", "1", keyOfA])]) {
          const error = yield* Effect.flip(service.execute(command))
          assert.deepStrictEqual([error.reason._tag, error.delivery, error.attempts], [
            "ServerError",
            "MaybeExecuted",
            1
          ])
          const [piped] = yield* service.executeAll([command])
          assert.isTrue(Result.isFailure(piped) && piped.failure.delivery === "MaybeExecuted")
        }
        assert.deepStrictEqual([sent(a, "EVAL"), sent(a, "FCALL")], [4, 2])
        // What can't write has not written.
        const reading = yield* Effect.flip(service.execute(Redis.evalRo("return 1", { keys: [keyOfA] })))
        assert.deepStrictEqual([reading.reason._tag, reading.delivery], ["ServerError", "Rejected"])
      })
  )

  it.effect.each(passing)("that tells of the node is met as of any command: %s", (text) =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.once("EVAL", Reply.error(text)).on("EVAL", Reply.integer(1))
      const fiber = yield* Effect.forkChild(service.execute(script), { startImmediately: true })
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      assert.strictEqual(sent(a, "EVAL"), 2)
    }))

  it.effect("without keys is no redirect: nobody could say where it belongs", () =>
    Effect.gen(function*() {
      const { cluster, service } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("EVAL", Reply.error(`MOVED ${slotOfA} b:7000`))
      const error = yield* Effect.flip(service.execute(Redis.eval("return 1")))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ServerError", "MaybeExecuted"])
    }))

  it.effect("that its digest is unknown counts only for a digest", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      const text = "NOSCRIPT No matching script. Please use EVAL."
      a.on("EVALSHA", Reply.error(text)).on("EVAL", Reply.error(text))
      const byDigest = yield* Effect.flip(service.execute(Redis.evalsha("0".repeat(40), { keys: [keyOfA] })))
      assert.strictEqual(byDigest.delivery, "Rejected")
      const known = Script.make({ lua: "return 1", params: () => ({ keys: [keyOfA] }) })
      const inFull = yield* Effect.flip(service.execute(known()))
      assert.deepStrictEqual([inFull.delivery, sent(a, "EVAL")], ["MaybeExecuted", 1])
    }))
})

describe("an error of a command that works piece by piece", () => {
  const pieces: ReadonlyArray<Command.Any> = [
    Redis.command("MIGRATE", ["h", "1", keyOfA, "0", "10"]),
    Redis.command("CLUSTER", ["SETSLOT", "1", "STABLE"]),
    Redis.command("DEBUG", ["RELOAD"]),
    Redis.command("NEW.CMD", [keyOfA], { keys: [0] })
  ]

  it.effect.each(pieces)(
    "proves nothing, but for what is said before it begins: $spec.name",
    (command) =>
      Effect.gen(function*() {
        const { cluster, service } = yield* connected()
        const answers = (text: string) => {
          for (const node of cluster.nodes.values()) node.on(command.spec.name, Reply.error(text))
        }
        answers("IOERR error or timeout reading to target instance")
        assert.strictEqual((yield* Effect.flip(service.execute(command))).delivery, "MaybeExecuted")
        answers("ERR unknown command 'X', with args beginning with: ")
        assert.strictEqual((yield* Effect.flip(service.execute(command))).delivery, "Rejected")
      })
  )
})

describe("a transaction whose MULTI is refused", () => {
  const noperm = "NOPERM this user has no permissions to run the 'multi' command"
  const two = Redis.transaction([Redis.set(keyOfA, "1"), Redis.get(keyOfA)])

  const refusing = Effect.fnUntraced(function*(exec: string) {
    const nodes = yield* connected()
    nodes.a.on("MULTI", Reply.error(noperm)).on("EXEC", Reply.error(exec))
    return nodes
  })

  it.effect.each([
    "ERR EXEC without MULTI",
    "EXECABORT Transaction discarded because of: this user has no permissions to run the 'exec' command"
  ])("fails with that, and tells that the commands may have been executed: %s", (exec) =>
    Effect.gen(function*() {
      const { a, service } = yield* refusing(exec)
      const error = yield* Effect.flip(service.execute(two))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ServerError", "MaybeExecuted"])
      assert.include(error.message, noperm)
      const [piped] = yield* service.executeAll([two])
      assert.isTrue(Result.isFailure(piped) && piped.failure.delivery === "MaybeExecuted")
      assert.strictEqual(sent(a, "SET"), 2)
    }))

  it.effect("is told as such where writes are to be replicated, too", () =>
    Effect.gen(function*() {
      const { service } = yield* refusing("ERR EXEC without MULTI")
      const error = yield* Effect.flip(two.pipe(
        Redis.ensureReplication({ replicas: 1, within: "100 millis" }),
        Effect.provideService(Client.Client, service.client)
      ))
      assert.strictEqual(error.delivery, "MaybeExecuted")
    }))

  it.effect("and whose commands are refused as well was not executed", () =>
    Effect.gen(function*() {
      const { a, service } = yield* refusing("ERR EXEC without MULTI")
      a.on("SET", Reply.error("NOPERM this user has no permissions to run the 'set' command"))
      const error = yield* Effect.flip(service.execute(two))
      assert.deepStrictEqual([error.delivery, error.message.includes(noperm)], ["Rejected", true])
    }))

  it.effect("and whose script fails may have been executed", () =>
    Effect.gen(function*() {
      const { a, service } = yield* refusing("ERR EXEC without MULTI")
      a.on("EVAL", Reply.error("WRONGTYPE Operation against a key"))
      const error = yield* Effect.flip(service.execute(Redis.transaction([script])))
      assert.strictEqual(error.delivery, "MaybeExecuted")
    }))

  it.effect("for now is not tried again, unless that does no harm", () =>
    Effect.gen(function*() {
      const { a, service } = yield* refusing("ERR EXEC without MULTI")
      a.on("MULTI", Reply.error("LOADING Redis is loading the dataset in memory"))
      const error = yield* Effect.flip(service.execute(two))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.attempts], ["ClusterDown", "MaybeExecuted", 1])
      assert.strictEqual(sent(a, "SET"), 1)
    }))
})

describe("a transaction of which a part failed", () => {
  const wrong = Reply.error("WRONGTYPE Operation against a key")

  it.effect.each(
    [
      ["others that write were executed", "MaybeExecuted", Redis.set(keyOfA, "1"), Reply.simple("OK")],
      ["a script of it failed too", "MaybeExecuted", script, wrong],
      ["the others only read", "Rejected", Redis.get(keyOfA), Reply.null],
      ["the others failed as well", "Rejected", Redis.set(keyOfA, "1"), wrong]
    ] as const
  )("says what became of the whole, where %s", ([, delivery, other, reply]) =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      for (const name of ["INCR", "SET", "GET", "EVAL"]) a.on(name, Reply.simple("QUEUED"))
      a.on("MULTI", Reply.simple("OK")).on("EXEC", Reply.array([wrong, reply]))
      const commands: ReadonlyArray<Command.Any> = [Redis.incr(keyOfA), other]
      const error = yield* Effect.flip(service.execute(Redis.transaction(commands)))
      assert.deepStrictEqual([error.command, error.delivery], ["INCR", delivery])
      const [first] = yield* service.execute(Redis.transaction(commands, { mode: "result" }))
      assert.isTrue(Result.isFailure(first) && first.failure.delivery === "Rejected")
    }))
})

describe("the error of a part of a transaction", () => {
  const wrong = Reply.error("WRONGTYPE Operation against a key holding the wrong kind of value")

  it.effect("says where it was, and what became of the others, not that it may have been executed itself", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      for (const name of ["INCR", "SET", "GET"]) a.on(name, Reply.simple("QUEUED"))
      a.on("MULTI", Reply.simple("OK")).once("EXEC", Reply.array([Reply.simple("OK"), wrong])).on(
        "EXEC",
        Reply.array([Reply.null, wrong])
      )
      const answered =
        "INCR (slot 5061, a:7000): the server answered \"WRONGTYPE Operation against a key holding the " +
        "wrong kind of value\""
      const written = Redis.transaction([Redis.set(keyOfA, "1"), Redis.incr(keyOfA)])
      const error = yield* Effect.flip(service.execute(written))
      assert.deepStrictEqual([error.delivery, error.inPart], ["MaybeExecuted", true])
      assert.strictEqual(
        error.message,
        `${answered}; other commands of its transaction have been executed, or may have been`
      )
      const read = yield* Effect.flip(service.execute(Redis.transaction([Redis.get(keyOfA), Redis.incr(keyOfA)])))
      assert.deepStrictEqual([read.delivery, read.inPart, read.message], ["Rejected", undefined, answered])
    }))

  it.effect("ends a block that would go again, where others of it were executed", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      for (const name of ["WATCH", "UNWATCH", "MULTI"]) a.on(name, Reply.simple("OK"))
      for (const name of ["INCR", "GET"]) a.on(name, Reply.simple("QUEUED"))
      a.on(
        "EXEC",
        Reply.array([Reply.integer(1), Reply.error("TRYAGAIN Multiple keys request during rehashing of slot")])
      )
      const both = Effect.succeed([Redis.incr(keyOfA), Redis.get(keyOfA)] as const)
      const fiber = yield* start(Effect.flip(run(Redis.optimistic([keyOfA], both))))
      yield* advance("1 second")
      assert.strictEqual(sent(a, "EXEC"), 1)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.command, error.delivery, error.inPart], ["GET", "MaybeExecuted", true])
    }))
})

describe("an answer that only says that the command is queued", () => {
  it.effect("does not say that it was executed", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("SET", Reply.simple("QUEUED"))
      const error = yield* Effect.flip(service.execute(Redis.set(keyOfA, "1")))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["DecodeFailed", "MaybeExecuted"])
    }))
})

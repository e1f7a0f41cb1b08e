import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import * as Session from "../src/Session.ts"
import { carrier, carrying, connected, onNodesOf, said, start } from "./support/client.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const moved = (to: string) => Reply.error(`MOVED ${slotOfA} ${to}`)
const job = Reply.array([Reply.bulk(keyOfA), Reply.bulk("job")])
const popped = { key: keyOfA, element: "job" }

const blocking = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected({ commandTimeout: "1 second", ...options })
  for (const node of nodes.cluster.nodes.values()) {
    for (const name of ["BLPOP", "BLMPOP", "BLMOVE", "BZPOPMIN", "XREAD", "XREADGROUP"]) node.on(name, "hold")
  }
  const statsOfA = Effect.map(nodes.service.stats, ({ nodes }) => nodes.get("a:7000")!)
  return { ...nodes, statsOfA }
})

const streams = { [keyOfA]: "0" } as const

describe("a command that blocks", () => {
  const kinds: ReadonlyArray<readonly [line: string, command: Command.Any]> = [
    ["BLPOP bar 5", Redis.blpop([keyOfA], "5 seconds")],
    ["BLMPOP 5 1 bar LEFT", Redis.command("BLMPOP", [5, 1, keyOfA, "LEFT"])],
    ["BLMOVE bar bar LEFT LEFT 5", Redis.command("BLMOVE", [keyOfA, keyOfA, "LEFT", "LEFT", 5])],
    ["BZPOPMIN bar 5", Redis.bzpopmin([keyOfA], "5 seconds")],
    ["XREAD BLOCK 5000 STREAMS bar 0", Redis.xread(streams, { block: "5 seconds" })],
    [
      "XREADGROUP GROUP g c BLOCK 5000 STREAMS bar >",
      Redis.command("XREADGROUP", "GROUP g c BLOCK 5000 STREAMS bar >".split(" "))
    ]
  ]

  it.effect.each(kinds)(
    "has a connection to itself, and gives it back: %s (trap 45)",
    ([line, command]) =>
      Effect.gen(function*() {
        const { a, run, statsOfA } = yield* blocking()
        const fiber = yield* start(run(command))
        yield* settle
        assert.strictEqual((yield* statsOfA).leased, 1)
        assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
        assert.deepStrictEqual(said(carrier(a, line)), [line])
        carrier(a, line).release(Reply.nullArray)
        assert.isNull(yield* Fiber.join(fiber))
        const { dedicated, leased } = yield* statsOfA
        assert.deepStrictEqual([dedicated, leased], [1, 0])
        yield* run(Session.use({ keys: keyOfA }, Redis.get(keyOfA)))
        assert.deepStrictEqual(said(carrier(a, line)), [line, "GET bar"])
      })
  )

  it.effect.each(
    [
      ["XREAD STREAMS bar 0", Redis.xread(streams)],
      ["XREAD STREAMS bar 0", Redis.command("XREAD", ["STREAMS", keyOfA, 0])],
      ["XREAD STREAMS bar BLOCK", Redis.command("XREAD", ["STREAMS", keyOfA, "BLOCK"])],
      ["BLPOP bar soon", Redis.command("BLPOP", [keyOfA, "soon"])]
    ] as const
  )("is none without a time to block, and shares a connection: %s", ([line, command]) =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      a.on("XREAD", Reply.null).on("BLPOP", Reply.null)
      yield* run(Effect.all([Redis.get(keyOfA), command], { concurrency: "unbounded" }))
      assert.deepStrictEqual(said(carrier(a, "GET bar")), ["GET bar", line])
      assert.strictEqual(a.connections.length, 1)
    }))

  it.effect("is refused in a pipeline that it would hold up, and without mode so is the pipeline", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      a.on("XREAD", Reply.null)
      const pop = Redis.blpop([keyOfA], "1 second")
      const error = yield* Effect.flip(run(Redis.pipeline([Redis.get(keyOfA), pop])))
      assert.include(error.message, "run it by itself")
      const [first, second] = yield* run(Redis.pipeline([pop, Redis.xread(streams)], { mode: "result" }))
      assert.deepStrictEqual([first._tag, second._tag], ["Failure", "Success"])
      assert.deepStrictEqual(a.commands, ["XREAD STREAMS bar 0"])
    }))
})

describe("the deadline of a command that blocks", () => {
  it.effect("is its time to block and as much more as a command may take (trap 45)", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "5 seconds"))))
      yield* advance("5900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("250 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "MaybeExecuted"])
      assert.isFalse(carrier(a, "BLPOP bar 5").open)
    }))

  it.effect("is not that of other commands: what comes within its time is its reply (trap 45)", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      const fiber = yield* start(run(Redis.blpop([keyOfA], "1 minute")))
      yield* advance("59 seconds")
      carrier(a, "BLPOP bar 60").release(job)
      assert.deepStrictEqual(yield* Fiber.join(fiber), popped)
    }))

  it.effect("is its time to block and its own timeout, where it has one", () =>
    Effect.gen(function*() {
      const { run } = yield* blocking()
      const pop = Redis.blpop([keyOfA], "2 seconds").pipe(Command.timeout("3 seconds"))
      const fiber = yield* start(Effect.flip(run(pop)))
      yield* advance("4900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("300 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }))

  it.effect("holds when the server never answers anything again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      yield* run(Session.use({ keys: keyOfA }, Redis.get(keyOfA)))
      a.frozen = true
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "20 seconds"))))
      yield* advance("20900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("300 millis")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      assert.isFalse(carrier(a, "BLPOP bar 20").open)
    }))

  it.effect("is none when it blocks for ever", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      const fiber = yield* start(run(Redis.blpop([keyOfA], "Infinity")))
      yield* advance("2 minutes")
      carrier(a, "BLPOP bar 0").release(job)
      assert.deepStrictEqual(yield* Fiber.join(fiber), popped)
    }))

  it.effect("holds for a node that is named, too", () =>
    Effect.gen(function*() {
      const { a, service } = yield* blocking()
      const pop = onNodesOf(service).executeOn(Address.tcp("a", 7000), Redis.blpop([keyOfA], "2 seconds"))
      const fiber = yield* start(Effect.flip(pop))
      yield* advance("2900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("250 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      assert.isFalse(carrier(a, "BLPOP bar 2").open)
    }))
})

describe("a redirect of a command that blocks", () => {
  const cases: ReadonlyArray<readonly [before: string, after: string, command: Command.Any]> = [
    ["BLPOP bar 5", "BLPOP bar 2", Redis.blpop([keyOfA], "5 seconds")],
    ["BLPOP bar 5.5", "BLPOP bar 2.5", Redis.command("BLPOP", [keyOfA, "5.5"])],
    ["BLMPOP 5 1 bar LEFT", "BLMPOP 2 1 bar LEFT", Redis.command("BLMPOP", [5, 1, keyOfA, "LEFT"])],
    ["XREAD BLOCK 5000 STREAMS bar 0", "XREAD BLOCK 2000 STREAMS bar 0", Redis.xread(streams, { block: "5 seconds" })],
    ["BLPOP bar 0", "BLPOP bar 0", Redis.blpop([keyOfA], "Infinity")]
  ]
  it.effect.each(cases)(
    "sends what is left of the time: %s, 3 seconds later %s",
    ([before, after, command]) =>
      Effect.gen(function*() {
        const { a, b, run } = yield* blocking()
        const fiber = yield* start(run(command))
        yield* advance("3 seconds")
        carrier(a, before).release(moved("b:7000"))
        yield* settle
        assert.deepStrictEqual(b.commands, [after])
        carrier(b, after).release(Reply.nullArray)
        assert.isNull(yield* Fiber.join(fiber))
      })
  )

  it.effect.each(
    [
      ["BLPOP bar 5", "BLPOP bar 0.001", Redis.blpop([keyOfA], "5 seconds")],
      ["XREAD BLOCK 5000 STREAMS bar 0", "XREAD BLOCK 1 STREAMS bar 0", Redis.xread(streams, { block: "5 seconds" })]
    ] as const
  )("never sends 0, which is for ever, when nothing is left: %s", ([before, after, command]) =>
    Effect.gen(function*() {
      for (const late of ["5 seconds", "5500 millis"] as const) {
        const { a, b, run } = yield* blocking()
        const fiber = yield* start(run(command as Command.Any))
        yield* advance(late)
        carrier(a, before).release(moved("b:7000"))
        yield* settle
        assert.deepStrictEqual(b.commands, [after])
        carrier(b, after).release(Reply.nullArray)
        assert.isNull(yield* Fiber.join(fiber))
      }
    }))

  it.effect("keeps its deadline, however often it comes", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* blocking()
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "5 seconds"))))
      yield* advance("2 seconds")
      carrier(a, "BLPOP bar 5").release(moved("b:7000"))
      yield* advance("2 seconds")
      carrier(b, "BLPOP bar 3").release(moved("c:7000"))
      yield* advance("1900 millis")
      assert.deepStrictEqual(c.commands, ["BLPOP bar 1"])
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("300 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }))

  it.effect("that is a pause takes its time from that to block", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      a.once("BLPOP", Reply.error("CLUSTERDOWN The cluster is down"))
      const fiber = yield* start(run(Redis.blpop([keyOfA], "5 seconds")))
      yield* advance("1 second")
      const [, second] = a.commands
      const left = Number(second.split(" ")[2])
      assert.isTrue(left < 5 && left > 4.9, second)
      carrier(a, second).release(job)
      assert.deepStrictEqual(yield* Fiber.join(fiber), popped)
    }))

  it.effect("leaves the connection that it came over to the next", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* blocking()
      a.on("BLPOP", moved("b:7000"))
      b.on("BLPOP", job)
      yield* run(Redis.blpop([keyOfA], "5 seconds"))
      yield* run(Session.use({ node: "a:7000" }, Redis.get(keyOfA)))
      assert.deepStrictEqual(said(carrier(a, "GET bar")), ["BLPOP bar 5", "GET bar"])
    }))
})

describe("a planned failover under a command that blocks", () => {
  const demoted = Reply.error(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
  )
  const kinds: ReadonlyArray<readonly [first: string, second: RegExp, command: Command.Any]> = [
    ["BLPOP bar 5", /^BLPOP bar 2\.\d+$/, Redis.blpop([keyOfA], "5 seconds")],
    ["BLMPOP 5 1 bar LEFT", /^BLMPOP 2\.\d+ 1 bar LEFT$/, Redis.command("BLMPOP", [5, 1, keyOfA, "LEFT"])],
    [
      "BLMOVE bar bar LEFT LEFT 5",
      /^BLMOVE bar bar LEFT LEFT 2/,
      Redis.command("BLMOVE", [keyOfA, keyOfA, "LEFT", "LEFT", 5])
    ],
    ["BZPOPMIN bar 5", /^BZPOPMIN bar 2\.\d+$/, Redis.bzpopmin([keyOfA], "5 seconds")],
    [
      "XREAD BLOCK 5000 STREAMS bar 0",
      /^XREAD BLOCK 2\d{3} STREAMS bar 0$/,
      Redis.xread(streams, { block: "5 seconds" })
    ],
    [
      "XREADGROUP GROUP g c BLOCK 5000 STREAMS bar >",
      /^XREADGROUP GROUP g c BLOCK 2\d{3} STREAMS bar >$/,
      Redis.command("XREADGROUP", "GROUP g c BLOCK 5000 STREAMS bar >".split(" "))
    ]
  ]

  it.effect.each(kinds)(
    "lets it go on at the new primary, for the rest of its time: %s",
    ([first, second, command]) =>
      Effect.gen(function*() {
        const { a, b, cluster, run } = yield* blocking()
        const fiber = yield* start(run(command))
        yield* advance("2 seconds")
        cluster.slots = [[0, 10922, "b:7000", "a:7000"], [10923, 16383, "c:7000"]]
        carrier(a, first).release(demoted)
        yield* advance("500 millis")
        const [, again] = [...a.commands, ...b.commands]
        assert.match(again, second)
        assert.deepStrictEqual(b.commands, [again])
        carrier(b, again).release(Reply.nullArray)
        assert.isNull(yield* Fiber.join(fiber))
      })
  )

  it.effect("lets it go on however often that happens, when each time lasts", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      const fiber = yield* start(run(Redis.blpop([keyOfA], "Infinity")))
      for (let times = 1; times <= 5; times++) {
        yield* advance("20 seconds")
        assert.strictEqual(a.count("BLPOP bar 0"), times)
        a.connections.find(({ open, received }) => open && received.includes("BLPOP bar 0"))!.release(demoted)
        yield* advance("500 millis")
      }
      a.connections.find(({ open, received }) => open && received.includes("BLPOP bar 0"))!.release(job)
      assert.deepStrictEqual(yield* Fiber.join(fiber), popped)
    }))

  it.effect("is not followed for ever by one that nobody lets block", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      a.on("BLPOP", demoted)
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "Infinity"))))
      yield* advance("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ClusterDown", "Rejected"])
    }))

  it.effect("runs the block of a session again that goes again, and is told to one that does not", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      a.once("BLPOP", demoted, demoted).on("BLPOP", job)
      const pop = Redis.blpop([keyOfA], "5 seconds")
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, pop)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ClusterDown", "Rejected"])
      const fiber = yield* start(run(Session.use({ keys: keyOfA }, pop, { rerun: true })))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), popped)
    }))

  it.effect.each([
    "UNBLOCKED client unblocked via CLIENT UNBLOCK",
    "UNBLOCKED the stream key no longer exists"
  ])("is another matter than what else ends it: %s", (text) =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      a.on("BLPOP", Reply.error(text))
      const error = yield* Effect.flip(run(Redis.blpop([keyOfA], "5 seconds")))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.attempts], ["ServerError", "Rejected", 1])
    }))
})

describe("a command that blocks and is interrupted", () => {
  it.effect("closes its connection, on which nobody knows what comes", () =>
    Effect.gen(function*() {
      const { a, run, statsOfA } = yield* blocking()
      const fiber = yield* start(run(Redis.blpop([keyOfA], "5 seconds")))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.isFalse(carrier(a, "BLPOP bar 5").open)
      assert.strictEqual((yield* statsOfA).leased, 0)
    }))

  it.effect("is never sent when that was before, and its connection stays", () =>
    Effect.gen(function*() {
      const { a, run, statsOfA } = yield* blocking()
      yield* run(Session.use({ keys: keyOfA }, Redis.get(keyOfA)))
      const fiber = yield* start(run(Redis.blpop([keyOfA], "5 seconds")))
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(a.count("BLPOP bar 5"), 0)
      assert.isAtMost(a.live.length, 2)
      assert.strictEqual((yield* statsOfA).leased, 0)
    }))

  it.effect("gives up its place among those who wait for a connection", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking({ maxDedicated: 1, leaseTimeout: "1 minute" })
      const pop = (seconds: number) => run(Redis.blpop([keyOfA], `${seconds} seconds`))
      const [first, second, third] = yield* Effect.forEach([1, 2, 3], (seconds) => start(pop(seconds)))
      yield* settle
      yield* Fiber.interrupt(second)
      carrier(a, "BLPOP bar 1").release(job)
      yield* settle
      assert.deepStrictEqual(a.commands, ["BLPOP bar 1", "BLPOP bar 3"])
      yield* Fiber.join(first)
      yield* Fiber.interrupt(third)
    }))
})

describe("a command that blocks and whose connection is lost", () => {
  it.effect.each(
    [
      ["BLPOP bar 5", Redis.blpop([keyOfA], "5 seconds")],
      ["BLMOVE bar bar LEFT LEFT 5", Redis.command("BLMOVE", [keyOfA, keyOfA, "LEFT", "LEFT", 5])],
      [
        "XREADGROUP GROUP g c BLOCK 5000 STREAMS bar >",
        Redis.command("XREADGROUP", "GROUP g c BLOCK 5000 STREAMS bar >".split(" "))
      ]
    ] as const
  )("may have taken an element, and is not sent again: %s (trap 46)", ([line, command]) =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      const fiber = yield* start(Effect.flip(run(command as Command.Any)))
      yield* advance("1 second")
      carrier(a, line).drop()
      yield* advance("3 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(a.commands.length, 1)
    }))

  it.effect("is sent again when it only reads, for the time that is left", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking()
      const fiber = yield* start(run(Redis.xread(streams, { block: "5 seconds" })))
      yield* advance("3 seconds")
      carrier(a, "XREAD BLOCK 5000 STREAMS bar 0").drop()
      yield* advance("1 second")
      const [, second] = a.commands
      const left = Number(second.split(" ")[2])
      assert.isTrue(left <= 2000 && left > 1900, second)
      carrier(a, second).release(Reply.nullArray)
      assert.isNull(yield* Fiber.join(fiber))
    }))
})

describe("a command that blocks, when all dedicated connections are in use,", () => {
  it.effect("sent to one node by its address is not sent when its time was over while it waited", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* blocking({ maxDedicated: 1, leaseTimeout: "1 minute" })
      yield* start(run(Redis.blpop([keyOfA], "Infinity")))
      yield* settle
      const fiber = yield* start(
        Effect.flip(onNodesOf(service).executeOn(Address.tcp("a", 7000), Redis.blpop([keyOfA], "2 seconds")))
      )
      yield* advance("3100 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "NotSent"])
      assert.strictEqual(a.count("BLPOP bar 2"), 0)
    }))

  it.effect("fails with Timeout after the leaseTimeout, unsent, and says which setting it is", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking({ maxDedicated: 2, leaseTimeout: "3 seconds" })
      const taken = yield* Effect.replicateEffect(start(run(Redis.blpop([keyOfA], "1 minute"))), 2)
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "20 seconds"))))
      yield* advance("2900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("100 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], ["Timeout", "NotSent", "a:7000"])
      assert.include(error.message, "one of the node's 2 dedicated connections (see maxDedicated)")
      assert.strictEqual(carrying(a, "BLPOP bar 60").length, 2)
      assert.strictEqual(a.count("BLPOP bar 20"), 0)
      yield* Fiber.interruptAll(taken)
    }))

  it.effect("waits no longer than a command may take, where leaseTimeout says nothing", () =>
    Effect.gen(function*() {
      const { run } = yield* blocking({ maxDedicated: 1 })
      const taken = yield* start(run(Redis.blpop([keyOfA], "1 minute")))
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "20 seconds"))))
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      yield* Fiber.interrupt(taken)
    }))

  it.effect("blocks for what is left of its time once it has one", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking({ maxDedicated: 1, leaseTimeout: "1 minute" })
      yield* start(run(Redis.blpop([keyOfA], "1 minute")))
      const short = yield* start(run(Redis.blpop([keyOfA], "10 seconds")))
      yield* advance("4 seconds")
      carrier(a, "BLPOP bar 60").release(job)
      yield* settle
      assert.deepStrictEqual(a.commands, ["BLPOP bar 60", "BLPOP bar 6"])
      carrier(a, "BLPOP bar 6").release(job)
      assert.deepStrictEqual(yield* Fiber.join(short), popped)
    }))

  it.effect("fails at its deadline, unsent, though the leaseTimeout is longer", () =>
    Effect.gen(function*() {
      const { a, run } = yield* blocking({ maxDedicated: 1, leaseTimeout: "1 minute" })
      const taken = yield* start(run(Redis.blpop([keyOfA], "1 minute")))
      const fiber = yield* start(Effect.flip(run(Redis.blpop([keyOfA], "2 seconds"))))
      yield* advance("2900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("300 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "NotSent"])
      yield* Fiber.interrupt(taken)
      yield* settle
      assert.strictEqual(a.count("BLPOP bar 2"), 0)
    }))
})

describe("whether the peer is alive behind a command that blocks", () => {
  const opened = Effect.fnUntraced(function*(seconds: number | "Infinity") {
    const client = yield* blocking({ pingInterval: "1 second" })
    const session = yield* client.run(Session.make({ keys: keyOfA }))
    const pop = yield* start(
      Effect.result(session.execute(Redis.blpop([keyOfA], seconds === "Infinity" ? seconds : `${seconds} seconds`)))
    )
    yield* settle
    const peer = client.a.connections[1]
    const pings = () => peer.received.filter((line) => line === "PING").length
    return { ...client, peer, pings, pop, session }
  })

  it.effect("is not asked before that is overdue: no PING would be answered", () =>
    Effect.gen(function*() {
      for (const seconds of [10, "Infinity"] as const) {
        const { peer, pings, pop } = yield* opened(seconds)
        yield* advance("10 seconds")
        assert.deepStrictEqual([pings(), peer.open], [0, true])
        peer.release(job)
        assert.strictEqual((yield* Fiber.join(pop))._tag, "Success")
      }
    }))

  it.effect("is asked once it is overdue, and the connection given up when no answer comes", () =>
    Effect.gen(function*() {
      const { a, peer, pings, pop, session } = yield* opened(2)
      yield* advance("3500 millis")
      assert.strictEqual((yield* Fiber.join(pop))._tag, "Failure")
      assert.deepStrictEqual([pings(), peer.open], [0, true])
      yield* advance("1 second")
      assert.deepStrictEqual([pings(), peer.open], [1, true])
      assert.strictEqual((yield* Effect.flip(session.execute(Redis.get(keyOfA)))).reason._tag, "SessionMisused")
      yield* advance("1500 millis")
      const error = yield* Effect.flip(session.execute(Redis.get(keyOfA)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "NotSent"])
      assert.include(error.message, "silent")
      assert.strictEqual(a.count("GET bar"), 0)
    }))

  it.effect("is seen from a late answer as well: then the session goes on", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* opened(2)
      yield* advance("4500 millis")
      peer.release(Reply.nullArray)
      yield* advance("5 seconds")
      assert.strictEqual(yield* session.execute(Redis.get(keyOfA)), "a:7000")
    }))
})

describe("a command that may take for ever", () => {
  it.effect.each([Duration.infinity, 1e300, "40000 weeks"] as const)(
    "blocks for as long as it says: %s",
    (ever) =>
      Effect.gen(function*() {
        const { a, run } = yield* blocking({ commandTimeout: ever })
        const fibers = [
          yield* start(run(Redis.blpop([keyOfA], "5 seconds"))),
          yield* start(run(Redis.bzpopmin([keyOfA], "5 seconds").pipe(Command.timeout(ever))))
        ]
        yield* settle
        for (const line of ["BLPOP bar 5", "BZPOPMIN bar 5"]) carrier(a, line).release(Reply.nullArray)
        assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [null, null])
      })
  )
})

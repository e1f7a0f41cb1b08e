/** What may go wrong on this side of a connection, and beside it: it costs one command, or that connection, and nobody else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as CommandSpec from "../src/CommandSpec.ts"
import * as Connection from "../src/Connection.ts"
import * as Connector from "../src/Connector.ts"
import { Attempt, Unattended } from "../src/internal/connection/call.ts"
import * as Redis from "../src/Redis.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const address = Address.tcp("a", 7000)

/** A connection to one node that echoes the key of a GET. */
const single = Effect.fnUntraced(function*(
  options?: Connection.Options,
  around: (connector: Connector.Connector["Service"]) => Connector.Connector["Service"] = (connector) => connector
) {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000").on("GET", ([key]) => Reply.bulk(key)).on("SET", Reply.simple("OK"))
  const connection = yield* Effect.provideService(
    Connection.make(address, options),
    Connector.Connector,
    around(cluster.connector)
  )
  const [peer] = node.connections
  peer.received.length = 0
  const get = (key: string) => connection.execute(Redis.get(key))
  /** A command as only who has no types can build it. */
  const raw = (...args: ReadonlyArray<unknown>) =>
    connection.execute(Command.make(CommandSpec.get("SET"), args as ReadonlyArray<string>, (value) => value))
  return { node, connection, peer, get, raw }
})

class Liar extends Uint8Array {
  override get length(): number {
    return 1_000_000
  }
}

const detached = (): Uint8Array => {
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

interface Resizable extends ArrayBuffer {
  resize(length: number): void
}
const Resizable = ArrayBuffer as unknown as new(length: number, options: { maxByteLength: number }) => Resizable

const shrunk = (): Uint8Array => {
  const buffer = new Resizable(64, { maxByteLength: 64 })
  const bytes = new Uint8Array(buffer, 32, 16)
  buffer.resize(8)
  return bytes
}

const unencodable: ReadonlyArray<readonly [what: string, value: unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["not a number", NaN],
  ["an object", {}],
  ["an object with a negative length", { length: -100 }],
  ["an object with a length", { length: 5, 0: 1 }],
  ["an array", [1, 2, 3]],
  ["numbers of two bytes", new Uint16Array([1, 2])],
  ["text in an object", new String("text")],
  ["a function", () => {}],
  ["a symbol", Symbol("s")],
  ["a proxy of bytes", new Proxy(new Uint8Array(4), {})],
  ["what only inherits from bytes", Object.create(Uint8Array.prototype)],
  ["what throws when it is looked at", {
    get length() {
      throw new Error("secret")
    }
  }],
  ["bytes whose memory was given away", detached()],
  ["bytes whose memory has shrunk", shrunk()]
]

describe("a command that can't be encoded", () => {
  it.effect.each(unencodable)("fails alone, and nothing of it is sent: %s", ([, value]) =>
    Effect.gen(function*() {
      const { connection, get, peer, raw } = yield* single()
      const [before, error, after] = yield* Effect.all([
        get("a"),
        Effect.flip(raw("key", "first", value)),
        get("b")
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([before, after], ["a", "b"])
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
      assert.notInclude(error.message, "secret")
      assert.deepStrictEqual(peer.received, ["GET a", "GET b"])
      assert.isFalse(connection.isClosed())
      assert.deepStrictEqual([connection.stats().inFlight, connection.stats().waiting], [0, 0])
    }))

  it.effect("because its arguments are no array fails alone", () =>
    Effect.gen(function*() {
      const { get, peer, connection } = yield* single()
      for (const args of [undefined, null, { length: -3 }, { length: 1.5 }, { length: NaN }, 7]) {
        const command = Command.make(CommandSpec.get("SET"), args as never, (value) => value)
        const [before, error, after] = yield* Effect.all(
          [get("a"), Effect.flip(connection.execute(command)), get("b")],
          {
            concurrency: "unbounded"
          }
        )
        assert.deepStrictEqual([before, error.reason._tag, after], ["a", "InvalidArgument", "b"])
      }
      assert.strictEqual(peer.received.length, 12)
    }))

  it.effect("takes what goes before it along, and ASKING, since a server would wait for the rest of them", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* single()
      const bad = Command.make(CommandSpec.get("SET"), ["k", undefined as never], (value) => value)
      const unit = Command.makeUnit(
        CommandSpec.get("SET"),
        [Command.make(CommandSpec.get("SET"), ["k", "1"], (value) => value), bad],
        (value) => value,
        { bytes: false, idempotent: false }
      )
      const failures: Array<string> = []
      const first = yield* start(get("a"))
      for (const command of [unit, bad]) {
        connection.submit(
          new Attempt(
            command,
            true,
            Infinity,
            (outcome) =>
              failures.push(
                outcome._tag === "Failed" ? `${outcome.failure.reason._tag} ${outcome.failure.delivery}` : ""
              )
          )
        )
      }
      const last = yield* start(get("b"))
      assert.deepStrictEqual(yield* Fiber.joinAll([first, last]), ["a", "b"])
      assert.deepStrictEqual(failures, ["InvalidArgument NotSent", "InvalidArgument NotSent"])
      assert.deepStrictEqual(peer.received, ["GET a", "GET b"])
    }))

  it.effect("though an argument before it was large, leaves the others whole", () =>
    Effect.gen(function*() {
      const { get, peer, raw } = yield* single()
      for (const large of [new Uint8Array(100_000).fill(97), "x".repeat(100_000), "é".repeat(50_000)]) {
        peer.received.length = 0
        const results = yield* Effect.all([get("a"), Effect.flip(raw(large, undefined)), get("b"), raw("k", large)], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([results[0], results[2], results[3]], ["a", "b", "OK"])
        assert.strictEqual(peer.received.length, 3)
        assert.isAbove(peer.received[2].length, 50_000)
      }
    }))

  it.effect("lets bytes that lie about their length be sent as they are", () =>
    Effect.gen(function*() {
      const { peer, raw, get } = yield* single()
      const small = Liar.from([97, 98])
      const large = new Liar(40_000).fill(99)
      const own = Object.defineProperty(new Uint8Array(40_000).fill(100), "length", { value: 3 })
      const shared = new Uint8Array(new SharedArrayBuffer(40_000)).fill(101)
      yield* Effect.all([raw("k", small), raw("k", large), raw("k", own), raw("k", shared), get("b")], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(peer.received, [
        "SET k ab",
        ...["c", "d", "e"].map((letter) => `SET k ${letter.repeat(40_000)}`),
        "GET b"
      ])
    }))

  it.effect("is told only when the others are written, so that who is told can spoil nothing", () =>
    Effect.gen(function*() {
      const { get, peer, raw } = yield* single()
      const large = new Uint8Array(40_000).fill(97)
      const spoil = Effect.andThen(Effect.flip(raw("k", detached())), Effect.sync(() => large.fill(98)))
      yield* Effect.all([raw("k", large), spoil, get("b")], { concurrency: "unbounded" })
      assert.deepStrictEqual(peer.received, [`SET k ${"a".repeat(40_000)}`, "GET b"])
    }))
})

/** A transport that throws from some time on. */
const throwing = (what: "write" | "holds", isBroken: () => boolean) => (connector: Connector.Connector["Service"]) =>
  Connector.Connector.of({
    ...connector,
    open: (address, listener) =>
      Effect.map(connector.open(address, listener), (transport): Connector.Transport => {
        const broken = (name: string): void => {
          if (name === what && isBroken()) throw new Error("a transport's own")
        }
        return {
          write: (chunks) => {
            broken("write")
            return transport.write(chunks)
          },
          holds: () => {
            broken("holds")
            return false
          }
        }
      })
  })

describe("a connection ends, and with it all that is on it, when", () => {
  it.effect.each(["write", "holds"] as const)("its transport throws: %s", (what) =>
    Effect.gen(function*() {
      let isBroken = false
      const { connection, get, node } = yield* single({}, throwing(what, () => isBroken))
      node.on("GET", "hold")
      const first = yield* start(Effect.flip(get("a")))
      yield* settle
      isBroken = true
      const second = yield* start(Effect.flip(get("b")))
      yield* settle
      const [one, two] = yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual([one.reason._tag, one.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(two.reason._tag, "ConnectionLost")
      assert.isTrue(connection.isClosed())
      assert.strictEqual((yield* Effect.flip(get("c"))).delivery, "NotSent")
    }))

  it.effect("the connector throws when it is asked to come back soon", () =>
    Effect.gen(function*() {
      let isBroken = false
      const { get } = yield* single({}, (connector) => ({
        ...connector,
        soon: (task) => {
          if (isBroken) throw new Error("a connector's own")
          connector.soon(task)
        }
      }))
      isBroken = true
      const error = yield* Effect.flip(get("a"))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "NotSent"])
    }))

  it.effect("reading a reply fails, though the bytes are in order", () =>
    Effect.gen(function*() {
      const { connection, get, node, peer } = yield* single()
      node.on("GET", "hold")
      const fiber = yield* start(Effect.flip(get("a")))
      yield* settle
      // As a fault of ours would, it throws when its reply is read.
      const odd = Object.defineProperty(new Unattended(Redis.get("b"), false, Infinity), "command", {
        get: () => {
          throw new Error("a call's own")
        }
      })
      ;(connection as unknown as { inFlight: { push(call: unknown): void } }).inFlight.push(odd)
      peer.send("+1\r\n+2\r\n")
      assert.isTrue(connection.isClosed())
      assert.strictEqual((yield* connection.closed).reason._tag, "ConnectionLost")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("opening it throws: it is tried again, and a command is told of what happened", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([[0, 16383, "a:7000"]])
      const connector = Connector.Connector.of({
        ...cluster.connector,
        open: () => {
          throw new Error("a connector's own")
        }
      })
      const error = yield* Effect.flip(
        Effect.provideService(Connection.make(address), Connector.Connector, connector)
      )
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
    }))
})

/** Fibers that wait for a reply, each observed by somebody who throws. */
const observed = Effect.fnUntraced(function*<A, E>(effects: ReadonlyArray<Effect.Effect<A, E>>) {
  const fibers = yield* Effect.forEach(effects, (effect) => start(Effect.result(effect)))
  const ended: Array<number> = []
  fibers.forEach((fiber, index) =>
    fiber.addObserver(() => {
      ended.push(index)
      throw new Error("an observer's own")
    })
  )
  yield* settle
  return { fibers, ended }
})

/** A transport may be told of what an observer has thrown. */
const whoeverThrows = (act: () => void): void => {
  try {
    act()
  } catch (error) {
    assert.include(String(error), "an observer's own")
  }
}

const three = ["a", "b", "c"]

describe("a connection with room for one command, which fails those beyond it,", () => {
  it.effect("shakes hands all the same", () =>
    Effect.gen(function*() {
      const { get } = yield* single({ maxInFlight: 1, failWhenFull: true })
      assert.strictEqual(yield* get("a"), "a")
    }))
})

describe("an observer that throws", () => {
  it.effect("while a connection is aborted keeps nobody from being told, nor the node from coming back", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ redirects: { schedule: undefined } as never })
      a.on("SET", "hold")
      const { ended } = yield* observed(three.map((value) => run(Redis.set(keyOfA, value))))
      whoeverThrows(() => a.drop())
      yield* settle
      assert.deepStrictEqual(ended.toSorted(), [0, 1, 2])
      yield* advance("2 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("while overdue commands are failed keeps nobody from it, now or later", () =>
    Effect.gen(function*() {
      const { get, node, connection } = yield* single({ commandTimeout: "1 second", pingInterval: "1 minute" })
      node.on("GET", "hold")
      const { ended } = yield* observed(three.map(get))
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(ended.toSorted(), [0, 1, 2])
      const later = yield* start(Effect.flip(get("later")))
      const hasty = yield* start(Effect.flip(connection.execute(Redis.get("hasty").pipe(Command.timeout("20 millis")))))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(
        (yield* Fiber.joinAll([later, hasty])).map(({ reason }) => reason._tag),
        ["Timeout", "Timeout"]
      )
    }))

  it.effect("while commands with a timeout of their own are failed keeps the alarm going", () =>
    Effect.gen(function*() {
      const { connection, node } = yield* single({ pingInterval: "1 minute" })
      node.on("GET", "hold")
      const hasty = connection.execute(Redis.get("k").pipe(Command.timeout("20 millis")))
      for (let round = 0; round < 2; round++) {
        const { ended } = yield* observed([hasty, hasty])
        yield* TestClock.adjust("100 millis")
        yield* settle
        assert.deepStrictEqual(ended.toSorted(), [0, 1])
      }
    }))

  it.effect("of those who wait for a connection keeps none of them from their commands", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.accepts = "neither"
      whoeverThrows(() => a.drop())
      yield* settle
      const hasty = Redis.get(keyOfA).pipe(Command.timeout("300 millis"))
      const { ended } = yield* observed([run(hasty), run(hasty)])
      yield* advance("1 second")
      assert.deepStrictEqual(ended.toSorted(), [0, 1])
      a.accepts = "all"
      yield* advance("10 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("is no matter to those who are told that a connection has ended", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* single()
      const told: Array<string> = []
      for (const name of ["one", "two"]) {
        connection.watch({
          onClosed: () => {
            told.push(name)
            throw new Error("an observer's own")
          },
          onQuiet: () => {}
        })
      }
      whoeverThrows(() => peer.drop())
      assert.deepStrictEqual(told, ["one", "two"])
      assert.strictEqual((yield* connection.closed).reason._tag, "ConnectionLost")
    }))
})

/** What becomes of a client's commands when servers and sentinels of its group fail: the same on real groups and in memory. */
import { assert } from "@effect/vitest"
import { NodePool, Redis, Topology } from "@redisc/core"
import type { Connector } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { client, Group, primaryKey, replicaKeys, untilPrimary, untilTrue, writes } from "./Group.ts"
import type { Scenario, Server } from "./Group.ts"

/** A write that was in flight when its server died or hung may have been executed, and is not sent again. No other one fails. */
const mayFail = ["ConnectionLost MaybeExecuted"]

const disturbed = (disturb: (group: Group["Service"], primary: Server) => Effect.Effect<void, unknown>) =>
  Effect.gen(function*() {
    const group = yield* Group
    yield* group.waitUntilStable
    const primary = yield* group.primary
    yield* Effect.gen(function*() {
      const log = yield* writes
      yield* disturb(group, primary)
      const heir = yield* group.awaitSwitch(primary)
      const switchedAt = yield* Clock.currentTimeMillis
      yield* untilPrimary(heir)
      yield* log.again
      // Machines are slow at times: this much would be a wait for something else.
      assert.isBelow((yield* Clock.currentTimeMillis) - switchedAt, 10_000)
      yield* log.stop
      assert.includeMembers(mayFail, log.failures)
      assert.isAtMost(log.failures.length, 1)
      // Nothing is there twice, and what was acknowledged since the switch is there.
      const kept = yield* Redis.lrange("log", 0, -1)
      assert.strictEqual(new Set(kept).size, kept.length)
      assert.include(kept, log.acknowledged.at(-1))
    }).pipe(Effect.provide(client()))
    yield* Effect.ignore(group.resume(primary))
    yield* group.restart(primary)
  })

const problemOf = (source?: Partial<Topology.SentinelOptions>) =>
  Effect.gen(function*() {
    const { message, reason } = yield* Effect.flip(Effect.scoped(Layer.build(client({}, source))))
    return { message, wanted: reason._tag === "DiscoveryFailed" ? reason.wanted : reason._tag }
  })

/** The messages that tell of another primary. */
const decisive = /(message\r\n\$\d+\r\n)\+(switch-master|promoted-slave)/g

/** A connector whose connections make these unrecognizable. */
const deafened = (connector: Connector.Connector["Service"]): Connector.Connector["Service"] => ({
  ...connector,
  open: (address, listener) =>
    connector.open(address, {
      onDrain: () => listener.onDrain(),
      onClose: (problem, cause) => listener.onClose(problem, cause),
      onData: (bytes) => {
        const text = Buffer.from(bytes).toString("latin1").replaceAll(decisive, "$1-$2")
        listener.onData(Buffer.from(text, "latin1"))
      }
    })
})

const passwords = {
  password: Redacted.make("of the servers"),
  sentinelPassword: Redacted.make("of the sentinels")
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "commands on keys of any slots run at the primary that the sentinels name, and reads at replicas",
    run: Effect.gen(function*() {
      const group = yield* Group
      const primary = yield* group.primary
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* primaryKey, primary.address.key)
        assert.strictEqual((yield* replicaKeys).length, 2)
        yield* Redis.mset({ a: "1", b: "2", c: "3" })
        yield* group.command(primary, "WAIT", [2, 5000])
        assert.deepStrictEqual(yield* Redis.mget(["a", "b", "c"]), ["1", "2", "3"])
        const { readers } = yield* NodePool.NodePool
        assert.notInclude(Array.from(readers().keys()), primary.address.key)
      }).pipe(Effect.provide(client({ readFrom: "replica" })))
    })
  },
  {
    name: "a planned failover makes no command fail",
    run: Effect.gen(function*() {
      const group = yield* Group
      const old = yield* group.primary
      yield* Effect.gen(function*() {
        const log = yield* writes
        const heir = yield* group.failover
        // The old primary may take writes for a moment after sentinels have begun to name the new one.
        yield* untilPrimary(heir)
        yield* log.again
        yield* log.stop
        assert.deepStrictEqual(log.failures, [])
        assert.isBelow(log.outage(), 8000)
        // The old one takes itself for a primary for some time, and its connections are still there. Nothing goes there any more.
        const last = yield* Redis.rpush("log", ["last"])
        assert.notStrictEqual(
          yield* group.command(old, "LLEN", ["log"]).pipe(
            Effect.zip(group.command(old, "ROLE")),
            Effect.map(([length, role]) => Array.isArray(role) && role[0] === "master" ? length : undefined)
          ),
          last
        )
      }).pipe(Effect.provide(client()))
    })
  },
  {
    name: "a primary that is killed has a successor at once after the sentinels' own switch",
    run: disturbed((group, primary) => group.kill(primary))
  },
  {
    name: "and so has one that hangs: what is in flight there is not waited for",
    run: disturbed((group, primary) => group.pause(primary))
  },
  {
    name: "one sentinel that is dead, and one that hangs, change nothing",
    options: { replicas: 1, sentinels: 5 },
    isLong: true,
    run: Effect.gen(function*() {
      const group = yield* Group
      const [first, second] = group.sentinels
      yield* group.kill(first)
      yield* group.pause(second)
      yield* Effect.gen(function*() {
        const primary = yield* group.primary
        yield* group.kill(primary)
        const heir = yield* group.awaitSwitch(primary)
        yield* untilPrimary(heir)
        assert.strictEqual(yield* Redis.set("a", "1"), "OK")
      }).pipe(Effect.provide(client()))
    })
  },
  {
    name: "while no sentinel answers commands go on, and it is told; once one is back, it is followed again",
    run: Effect.gen(function*() {
      const group = yield* Group
      yield* group.waitUntilStable
      const [first, second, third] = group.sentinels
      yield* Effect.gen(function*() {
        const { refresh } = yield* Topology.Topology
        const key = yield* primaryKey
        yield* group.pause(first)
        yield* Effect.forEach([second, third], group.kill)
        // One may have been under way since before they were gone.
        yield* Effect.ignore(refresh)
        const error = yield* Effect.flip(Effect.asVoid(refresh))
        assert.include(error.message, "no sentinel answered")
        assert.strictEqual(yield* Redis.set("a", "1"), "OK")
        assert.strictEqual(yield* primaryKey, key)
        yield* group.resume(first)
        yield* untilTrue(Effect.map(Effect.result(refresh), Result.isSuccess))
        yield* group.restart(second)
        yield* group.restart(third)
        yield* group.waitUntilStable
        const heir = yield* group.failover
        yield* untilPrimary(heir)
        assert.strictEqual(yield* Redis.set("a", "2"), "OK")
      }).pipe(Effect.provide(client()))
    })
  },
  {
    name: "without a majority of sentinels there is no failover, and commands wait for the primary",
    options: { replicas: 1 },
    isLong: true,
    run: Effect.gen(function*() {
      const group = yield* Group
      const [, second, third] = group.sentinels
      const primary = yield* group.primary
      yield* Effect.forEach([second, third], group.kill)
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* Redis.set("a", "1"), "OK")
        yield* group.pause(primary)
        const write = yield* Effect.forkChild(Redis.set("a", "2"), { startImmediately: true })
        yield* Effect.sleep("5 seconds")
        assert.strictEqual((yield* group.replicas).length, 1)
        yield* group.resume(primary)
        assert.strictEqual(yield* Fiber.join(write), "OK")
        assert.strictEqual(yield* primaryKey, primary.address.key)
      }).pipe(Effect.provide(client({ commandTimeout: "20 seconds", pingInterval: "10 seconds" })))
    })
  },
  {
    name: "a failover whose events are missed is followed all the same",
    isLong: true,
    run: Effect.gen(function*() {
      const group = yield* Group
      yield* group.waitUntilStable
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* Redis.set("a", "1"), "OK")
        const heir = yield* group.failover
        yield* untilPrimary(heir)
        assert.strictEqual(yield* Redis.set("a", "2"), "OK")
      }).pipe(Effect.provide(client({}, { connector: deafened(group.connector) })))
    })
  },
  {
    name: "the map has the replicas that are fit, as they go and come",
    options: { replicas: 2 },
    isLong: true,
    run: Effect.gen(function*() {
      const group = yield* Group
      yield* group.waitUntilStable
      const [one, other] = yield* group.replicas
      yield* Effect.gen(function*() {
        const keys = [one.address.key, other.address.key].toSorted()
        yield* untilTrue(Effect.map(replicaKeys, (known) => known.join() === keys.join()))
        yield* group.kill(one)
        yield* untilTrue(Effect.map(replicaKeys, ({ length }) => length === 1))
        yield* group.restart(one)
        yield* untilTrue(Effect.map(replicaKeys, ({ length }) => length === 2))
      }).pipe(Effect.provide(client()))
    })
  },
  {
    name: "what is missing is said: a sentinel, the name, or the primary, and a client begins once that is there",
    options: { replicas: 0, sentinels: 1 },
    run: Effect.gen(function*() {
      const group = yield* Group
      const [primary] = yield* group.nodes

      const misspelt = yield* problemOf({ name: "yourmaster" })
      assert.strictEqual(misspelt.wanted, "name")
      assert.include(misspelt.message, `it does not know the name "yourmaster", but "mymaster"`)

      const wrongPort = yield* problemOf({ sentinels: [primary.address] })
      assert.strictEqual(wrongPort.wanted, "sentinel")
      assert.include(wrongPort.message, "it is no Sentinel")

      yield* group.kill(primary)
      const away = yield* problemOf()
      assert.strictEqual(away.wanted, "primary")
      assert.include(away.message, primary.address.key)

      yield* group.restart(primary)
      assert.strictEqual(yield* Effect.provide(Redis.set("a", "1"), client()), "OK")
      yield* group.kill(group.sentinels[0])
      assert.strictEqual((yield* problemOf()).wanted, "sentinel")
    })
  },
  {
    name: "a client that begins while the primary is down finds its successor",
    options: { replicas: 1 },
    isLong: true,
    run: Effect.gen(function*() {
      const group = yield* Group
      const primary = yield* group.primary
      yield* group.kill(primary)
      const begun = Effect.scoped(Effect.gen(function*() {
        const services = yield* Layer.build(client())
        return yield* Effect.provide(Effect.andThen(Redis.set("a", "1"), primaryKey), services)
      }))
      const key = yield* Effect.retry(begun, Schedule.spaced("100 millis"))
      assert.strictEqual(key, (yield* group.awaitSwitch(primary)).address.key)
    })
  },
  {
    name: "sentinels have a password of their own",
    options: { replicas: 1, sentinels: 1, ...passwords },
    isLong: true,
    run: Effect.gen(function*() {
      const group = yield* Group
      const { password, sentinelPassword } = passwords
      const ofSentinels = { credentials: { password: sentinelPassword } }
      const begun = (source?: Partial<Topology.SentinelOptions>) =>
        Effect.provide(Redis.set("a", "1"), client({ credentials: { password } }, source))
      assert.strictEqual(yield* begun(ofSentinels), "OK")
      assert.include((yield* Effect.flip(begun())).message, "NOAUTH")
      const heir = yield* group.failover
      assert.strictEqual(
        yield* Effect.provide(primaryKey, client({ credentials: { password } }, ofSentinels)),
        heir.address.key
      )
    })
  }
]

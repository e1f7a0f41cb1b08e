/** What users give and the client runs may do anything: no fiber of the client ends by it, and no command hangs. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Address from "../src/Address.ts"
import * as Client from "../src/Client.ts"
import * as Connector from "../src/Connector.ts"
import * as Nodes from "../src/Nodes.ts"
import * as PubSub from "../src/PubSub.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as RedisError from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import type * as Topology from "../src/Topology.ts"
import { connected, start } from "./support/client.ts"
import { learn, owners } from "./support/learning.ts"
import { advance, keyOfA, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const moved = (to: string) => Reply.error(`MOVED ${slotOfA} ${to}`)

type AddressMap = NonNullable<Topology.Options["addressMap"]>

/** Ways for an `addressMap` to go wrong. */
const broken: ReadonlyArray<readonly [string, AddressMap]> = [
  ["throws", () => {
    throw new Error("no such host")
  }],
  ["throws what is no error", () => {
    throw undefined
  }],
  ["answers nothing", () => undefined as never],
  ["answers text", () => "10.0.0.1:7000" as never],
  ["answers a promise", () => Promise.resolve(Address.tcp("a", 7000)) as never],
  ["answers an address of another make", () => ({ _tag: "Tcp", host: "a", port: 7000 }) as never],
  ["answers a port that is none", () => Address.tcp("a", 0)],
  ["answers a host that is none", () => Address.tcp("a\r\nb", 7000)]
]

/** A client with an `addressMap` that can be exchanged, and what is told in the background. */
const mapping = Effect.fnUntraced(function*() {
  let current: AddressMap = (address) => address
  const client = yield* connected({ addressMap: (address) => current(address), refreshInterval: "10 seconds" })
  const told: Array<RedisCluster.BackgroundFailure> = []
  yield* start(Stream.runForEach(client.service.failures, (failure) => Effect.sync(() => told.push(failure))))
  yield* settle
  return { ...client, told, mapBy: (addressMap: AddressMap) => current = addressMap }
})

describe("an addressMap", () => {
  it.effect.each(broken)("that %s at the start is a RedisError", ([, addressMap]) =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      const error = yield* Effect.flip(Effect.scoped(learn(cluster, ["a:7000"], { addressMap })))
      assert.isTrue(RedisError.isRedisError(error))
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.include(error.message, "addressMap")
      assert.notMatch(error.message, /[\r\n]/)
    }))

  it.effect.each(broken)(
    "that %s for a while is told, and the layout is learnt as soon as it does not",
    ([, breaks]) =>
      Effect.gen(function*() {
        const { cluster, mapBy, service, told } = yield* mapping()
        cluster.slots = [[0, 16383, "b:7000"]]
        mapBy(breaks)
        service.topology.requestRefresh()
        yield* advance("3 seconds")
        assert.isAtLeast(told.length, 1)
        for (const { error, source } of told) {
          assert.strictEqual(source, "Refresh")
          assert.include(error.message, "addressMap")
        }
        mapBy((address) => address)
        yield* advance("3 seconds")
        assert.deepStrictEqual(owners(yield* service.topology.current), ["0-16383 b:7000"])
      })
  )

  it.effect.each(broken)(
    "that %s where a MOVED leads fails that command, which was refused",
    ([, breaks]) =>
      Effect.gen(function*() {
        const { a, mapBy, run } = yield* mapping()
        a.on("GET", moved("new:7000"))
        mapBy(breaks)
        const error = yield* Effect.flip(run(Redis.get(keyOfA)))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "Rejected"])
        assert.include(error.message, "addressMap")
        const [piped] = yield* run(Effect.flip(Redis.pipeline([Redis.get(keyOfA)]))).pipe(
          Effect.map((error) => [error])
        )
        assert.isTrue(RedisError.isRedisError(piped))
        mapBy((address) => address)
        a.on("GET", Reply.bulk("back"))
        assert.strictEqual(yield* run(Redis.get(keyOfA)), "back")
      })
  )

  it.effect("that throws leaves a MOVED that is not followed as it is, and one within a session", () =>
    Effect.gen(function*() {
      const { a, mapBy, run } = yield* mapping()
      a.on("GET", moved("new:7000"))
      mapBy(broken[0][1])
      const get = Redis.get(keyOfA)
      const plain = yield* Effect.flip(run(RedirectPolicy.provide(get, RedirectPolicy.none)))
      const within = yield* Effect.flip(run(Session.use({ keys: keyOfA }, get)))
      assert.deepStrictEqual([plain.reason._tag, within.reason._tag], ["Moved", "Moved"])
      const rerun = yield* Effect.flip(run(Session.use({ keys: keyOfA }, get, { rerun: true })))
      assert.isTrue(RedisError.isRedisError(rerun))
    }))

  it.effect("that throws where a subscription is led is told, and the subscription waits for it", () =>
    Effect.gen(function*() {
      const { a, b, cluster, mapBy, run, told } = yield* mapping()
      a.on("SSUBSCRIBE", moved("new:7000"))
      for (const node of [b, cluster.node("new:7000")]) {
        node.on(
          "SSUBSCRIBE",
          ([channel]) => [Reply.push([Reply.bulk("ssubscribe"), Reply.bulk(channel), Reply.integer(1)])]
        )
      }
      mapBy((announced) => announced.key === "new:7000" ? broken[0][1](announced) : announced)
      const reading = yield* start(run(Stream.runDrain(PubSub.ssubscribe([keyOfA]))))
      yield* advance("1 second")
      assert.isUndefined(reading.pollUnsafe())
      assert.isAtLeast(told.length, 1)
      assert.include(told[0].error.message, "addressMap")
      mapBy((announced) => announced)
      yield* advance("2 seconds")
      assert.strictEqual(cluster.node("new:7000").count(`SSUBSCRIBE ${keyOfA}`), 1)
      yield* Fiber.interrupt(reading)
    }))
})

describe("the schedule of the redirect policy", () => {
  const bug = new Error("a bug")
  const schedules: ReadonlyArray<readonly [string, Schedule.Schedule<unknown, RedisError.RedisError>]> = [
    [
      "throws",
      Schedule.fromStep(Effect.succeed(() => {
        throw bug
      }))
    ],
    [
      "throws before its first step",
      Schedule.fromStep(Effect.sync(() => {
        throw bug
      }))
    ],
    ["dies", Schedule.modifyDelay(Schedule.forever, () => Effect.die(bug))],
    ["is interrupted", Schedule.modifyDelay(Schedule.forever, () => Effect.interrupt)],
    ["fails", Schedule.modifyDelay(Schedule.forever, () => Effect.fail("no" as never))],
    ["answers what is no duration", Schedule.modifyDelay(Schedule.forever, () => Effect.succeed("soon" as "1 second"))],
    ["answers nothing", Schedule.modifyDelay(Schedule.forever, () => Effect.succeed(undefined as never))]
  ]

  it.effect.each(schedules)(
    "that %s fails the command, typed, with what came of it",
    ([, schedule]) =>
      Effect.gen(function*() {
        const { a, run, service } = yield* connected({ redirects: RedirectPolicy.make(schedule) })
        a.on("GET", Reply.error("TRYAGAIN not yet"))
        const reading = yield* start(Effect.flip(run(Redis.get(keyOfA))))
        yield* advance("100 millis")
        assert.isDefined(reading.pollUnsafe())
        const error = yield* Fiber.join(reading)
        assert.isTrue(RedisError.isRedisError(error))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "Rejected"])
        assert.include(error.message, "schedule")
        assert.include(error.message, "keys of the command are split")
        yield* service.refresh
      })
  )

  it.effect.each([Schedule.recurs(3), 5, "standard", {}, [], () => 0, { schedule: {} }])(
    "that is given to a region in another shape fails what it is asked about, and says what to give: %#",
    (policy) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        a.on("GET", Reply.error("TRYAGAIN not yet"))
        const reading = yield* start(
          Effect.flip(run(Effect.provideService(Redis.get(keyOfA), RedirectPolicy.Current, policy as never)))
        )
        yield* advance("100 millis")
        assert.isDefined(reading.pollUnsafe())
        const error = yield* Fiber.join(reading)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "Rejected"])
        assert.include(error.message, "RedirectPolicy.make(schedule)")
      })
  )

  it.effect.each(schedules)(
    "that %s, given to an optimistic transaction, fails it, typed, and nothing stays watched",
    ([, schedule]) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        for (const name of ["WATCH", "UNWATCH", "MULTI"]) a.on(name, Reply.simple("OK"))
        a.on("INCR", Reply.simple("QUEUED")).on("EXEC", Reply.nullArray)
        const increment = Effect.succeed([Redis.incr(keyOfA)] as const)
        const fiber = yield* start(Effect.flip(run(Redis.optimistic([keyOfA], increment, { schedule }))))
        yield* advance("100 millis")
        assert.isDefined(fiber.pollUnsafe())
        const error = yield* Fiber.join(fiber)
        assert.isTrue(RedisError.isRedisError(error))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "Rejected"])
        assert.match(error.message, /schedule of an optimistic transaction.*a watched key was changed/)
      })
  )

  it.effect("that never answers ends with the command's deadline, and with its interruption", () =>
    Effect.gen(function*() {
      let ended = 0
      const asked = Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended++))
      const redirects = RedirectPolicy.make(Schedule.modifyDelay(Schedule.forever, () => asked))
      const { a, run } = yield* connected({ redirects, commandTimeout: "2 seconds" })
      a.on("GET", Reply.error("TRYAGAIN not yet"))
      const reading = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      const interrupted = yield* start(run(Redis.get(keyOfA)))
      yield* advance("1 second")
      yield* Fiber.interrupt(interrupted)
      yield* advance("1 second")
      assert.isDefined(reading.pollUnsafe())
      assert.strictEqual(ended, 2)
      assert.include((yield* Fiber.join(reading)).message, "schedule")
    }))

  it.effect("that throws in the middle of a pipeline fails those commands only", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ redirects: RedirectPolicy.make(schedules[0][1]) })
      a.once("GET", Reply.error("TRYAGAIN not yet"))
      const error = yield* Effect.flip(run(Redis.pipeline([Redis.get(keyOfA), Redis.get("foo")])))
      assert.isTrue(RedisError.isRedisError(error))
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("that throws ends a session's block that would go again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ redirects: RedirectPolicy.make(schedules[0][1]) })
      a.once("GET", Reply.error("TRYAGAIN not yet"))
      const exit = yield* Effect.exit(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA), { rerun: true })))
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))
})

describe("learning goes on", () => {
  const halves = [[0, 8191, "a:7000"], [8192, 16383, "b:7000"]] as const

  const goesOn = Effect.fnUntraced(function*(options: Partial<Topology.Options>) {
    const cluster = scriptedCluster(halves)
    const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: "10 seconds", ...options })
    for (const node of cluster.nodes.values()) node.once("CLUSTER SLOTS", Reply.error("ERR not now"))
    topology.requestRefresh()
    yield* advance("3 seconds")
    cluster.slots = [[0, 16383, "b:7000"]]
    topology.requestRefresh()
    yield* advance("3 seconds")
    assert.deepStrictEqual(owners(yield* topology.current), ["0-16383 b:7000"])
    const before = topology.refreshes()
    yield* advance("15 seconds")
    assert.isAbove(topology.refreshes(), before)
  })

  it.effect("when who is told of a failure throws", () =>
    goesOn({
      onFailure: () => {
        throw new Error("a listener's bug")
      }
    }))

  it.effect("when the logger throws", () =>
    goesOn({}).pipe(Effect.provide(Logger.layer([Logger.make(() => {
      throw new Error("the disk is full")
    })]))))

  it.effect("when who listens to changes dies, or never reads on", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(halves)
      const { topology } = yield* learn(cluster, ["a:7000"])
      const seen: Array<Topology.Change> = []
      const dying = yield* start(Effect.exit(Stream.runForEach(topology.changes, () => Effect.die("a bug"))))
      yield* start(Stream.runForEach(topology.changes, () => Effect.never))
      yield* start(Stream.runForEach(topology.changes, (change) => Effect.sync(() => seen.push(change))))
      yield* settle
      for (let slot = 0; slot < 200; slot++) {
        yield* topology.patch(slot, Address.tcp("b", 7000))
        yield* settle
      }
      assert.isDefined(dying.pollUnsafe())
      assert.strictEqual(seen.length, 200)
    }))

  it.effect("a listener to changes that is slow gets what it missed as one", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(halves)
      const { topology } = yield* learn(cluster, ["a:7000"])
      const seen: Array<Topology.Change> = []
      yield* start(Stream.runForEach(topology.changes, (change) =>
        Effect.andThen(
          Effect.sync(() => seen.push(change)),
          Effect.sleep(Duration.seconds(seen.length === 1 ? 1 : 0))
        )))
      yield* settle
      for (let slot = 0; slot < 500; slot++) {
        yield* topology.patch(slot, Address.tcp("b", 7000))
      }
      yield* advance("2 seconds")
      assert.isBelow(seen.length, 200)
      const moves = seen.flatMap(({ moved }) => moved).filter(({ to }) => to?.key === "b:7000")
      const told = moves.reduce((sum, { end, start }) => sum + end - start + 1, 0)
      assert.strictEqual(told, 500)
    }))
})

describe("what runs on a connection of its own", () => {
  const bug = new Error("a bug")
  const bodies: ReadonlyArray<readonly [string, Effect.Effect<never>]> = [
    [
      "throws",
      Effect.sync(() => {
        throw bug
      })
    ],
    ["dies", Effect.die(bug)],
    ["is interrupted", Effect.interrupt]
  ]

  it.effect.each(bodies)(
    "and %s gives the connection back, be it a session, an optimistic update or a visit",
    ([, body]) =>
      Effect.gen(function*() {
        const { cluster, run, service } = yield* connected()
        for (const node of cluster.nodes.values()) {
          node.on("WATCH", Reply.simple("OK")).on("UNWATCH", Reply.simple("OK"))
        }
        const within: Effect.Effect<never> = body
        const exits = [
          yield* Effect.exit(run(Session.use({ keys: keyOfA }, within))),
          yield* Effect.exit(run(Session.use({ keys: keyOfA }, within, { rerun: true }))),
          yield* Effect.exit(run(Redis.optimistic([keyOfA], Effect.as(within, [] as const)))),
          yield* Effect.exit(run(Nodes.collect("all", within))),
          yield* Effect.exit(run(Nodes.collect("all", (): Effect.Effect<never> => {
            throw bug
          })))
        ]
        for (const exit of exits) assert.strictEqual(exit._tag, "Failure")
        yield* settle
        const { nodes } = yield* service.stats
        assert.deepStrictEqual(Array.from(nodes.values(), ({ leased }) => leased), Array.from(nodes, () => 0))
        assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
        yield* service.refresh
      })
  )
})

describe("a Connector of somebody else's", () => {
  const ends: ReadonlyArray<readonly [string, Effect.Effect<never, never>]> = [
    ["is interrupted", Effect.interrupt],
    ["dies", Effect.die(new Error("a bug"))],
    ["fails with what is no RedisError", Effect.fail("no" as never)],
    ["fails with nothing", Effect.fail(undefined as never)]
  ]

  it.effect.each(ends)("that %s has failed to connect, and is asked again", ([, end]) =>
    Effect.gen(function*() {
      const { a, cluster } = threeNodes()
      a.on("SUBSCRIBE", ([name]) => [Reply.push([Reply.bulk("subscribe"), Reply.bulk(name), Reply.integer(1)])])
      let broken = false
      const service = yield* Effect.provideService(
        RedisCluster.make({ nodes: ["a:7000"] }),
        Connector.Connector,
        Connector.Connector.of({
          ...cluster.connector,
          open: (...args) => broken ? end : cluster.connector.open(...args)
        })
      )
      const run = Effect.provideService(Client.Client, service.client)
      broken = true
      for (const node of cluster.nodes.values()) node.drop()
      const session = yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))))
      assert.deepStrictEqual([session.reason._tag, session.delivery], ["ConnectionFailed", "NotSent"])
      assert.include(session.message, "connecting ")
      const reading = yield* start(service.execute(Redis.get(keyOfA)))
      const listening = yield* start(Effect.scoped(run(PubSub.listen({ channels: ["news"] }))))
      yield* advance("1 second")
      assert.deepStrictEqual([reading.pollUnsafe(), listening.pollUnsafe()], [undefined, undefined])
      broken = false
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(reading), "a:7000")
    }))
})

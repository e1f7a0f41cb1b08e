/** Reads that prefer nodes in the client's availability zone, and how zones are known. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Address from "../src/Address.ts"
import * as Vote from "../src/internal/topology/vote.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { start } from "./support/client.ts"
import { replica, shard } from "./support/replicas.ts"
import { advance, keyOfA, keyOfC, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster } from "./support/ScriptedCluster.ts"
import type { Zones } from "./support/slotsReply.ts"

const [a, b, c] = ["a:7000", "b:7000", "c:7000"]
const zonal = ["preferReplicaInZone", "preferZone"] as const
const here = "eu-west-1a"
const there = "eu-west-1b"

const greeting = (zone: string) =>
  Reply.map([[Reply.bulk("proto"), Reply.integer(3)], [Reply.bulk("availability_zone"), Reply.bulk(zone)]])
const info = (zone: string) => Reply.bulk(`# Server\r\nvalkey_version:8.0.1\r\navailability_zone:${zone}\r\nhz:10\r\n`)

/** How nodes tell their zones. */
const ways: ReadonlyArray<readonly [string, (cluster: ScriptedCluster, zones: Zones) => void]> = [
  ["the map", (cluster, zones) => {
    cluster.zones = zones
  }],
  ["the greeting", (cluster, zones) => {
    for (const [key, zone] of Object.entries(zones)) cluster.node(key).on("HELLO", greeting(zone)).drop()
  }],
  ["INFO", (cluster, zones) => {
    for (const [key, zone] of Object.entries(zones)) cluster.node(key).on("INFO", info(zone))
  }]
]

/** A shard whose nodes are in zones. The client has learnt them when it begins. */
const zoned = Effect.fnUntraced(function*(
  zones: Zones,
  options?: Parameters<typeof shard>[0] & { readonly way?: (cluster: ScriptedCluster, zones: Zones) => void }
) {
  const { way = ways[0][1], ...settings } = options ?? {}
  const nodes = yield* shard({ availabilityZone: here, ...settings })
  way(nodes.cluster, zones)
  yield* advance("2 seconds")
  yield* Effect.ignore(nodes.service.refresh)
  const warm = (readFrom?: ReadFrom.ReadFrom) => Effect.replicateEffect(nodes.warm(readFrom), 3)
  return { ...nodes, warm }
})

const asked = ({ cluster }: { readonly cluster: ScriptedCluster }): number =>
  Array.from(cluster.nodes.values()).reduce((sum, node) => sum + node.count("INFO server"), 0)

describe("reads by zone", () => {
  const cases: ReadonlyArray<readonly [typeof zonal[number], Zones, ReadonlyArray<string>]> = [
    ["preferReplicaInZone", { [a]: here, [b]: here, [c]: there }, [b, b, b, b]],
    ["preferReplicaInZone", { [a]: here, [b]: there, [c]: there }, [b, c, b, c]],
    ["preferReplicaInZone", { [b]: here, [c]: here }, [b, c, b, c]],
    ["preferReplicaInZone", {}, [b, c, b, c]],
    ["preferZone", { [a]: here, [b]: there, [c]: here }, [c, c, c, c]],
    ["preferZone", { [a]: here, [b]: here, [c]: here }, [b, c, b, c]],
    ["preferZone", { [a]: here, [b]: there, [c]: there }, [a, a, a, a]],
    ["preferZone", { [a]: there, [b]: there, [c]: there }, [b, c, b, c]],
    ["preferZone", {}, [b, c, b, c]]
  ]
  for (const [told, way] of ways) {
    it.effect.each(cases)(
      `are answered in the zone where somebody can, as ${told} tells: %s %j`,
      ([readFrom, zones, expected]) =>
        Effect.gen(function*() {
          const { answers, warm } = yield* zoned(zones, { readFrom, way })
          yield* warm()
          const got = yield* answers(4)
          const turn = expected.indexOf(`${got[0]}`)
          assert.deepStrictEqual(got, [...expected.slice(turn), ...expected.slice(0, turn)])
        })
    )
  }

  it.effect.each(zonal)(
    "go to a fit replica elsewhere before an unfit one in the zone: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { readFrom })
        for (const [node, link] of [[nodes.b, "sync"], [nodes.c, "connected"]] as const) node.on("ROLE", replica(link))
        yield* nodes.warm()
        yield* advance("2 seconds")
        assert.deepStrictEqual(yield* nodes.answers(3), [c, c, c])
        nodes.b.on("ROLE", replica())
        yield* nodes.get()
        yield* advance("1 second")
        yield* nodes.get()
        yield* settle
        assert.deepStrictEqual(yield* nodes.answers(3), [b, b, b])
      })
  )

  it.effect.each(zonal)(
    "go to the primary, wherever it is, while no replica is fit: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { readFrom })
        for (const node of [nodes.b, nodes.c]) node.on("ROLE", replica("sync"))
        yield* nodes.warm()
        assert.deepStrictEqual(yield* nodes.answers(3), [a, a, a])
      })
  )

  it.effect.each(zonal)(
    "go elsewhere when the zone's replica is lost, and come back with it: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { readFrom, way: ways[2][1] })
        yield* nodes.warm()
        assert.deepStrictEqual(yield* nodes.answers(2), [b, b])
        nodes.b.accepts = "none"
        nodes.b.drop()
        yield* settle
        assert.deepStrictEqual(yield* nodes.answers(3), [c, c, c])
        nodes.b.accepts = "all"
        for (let n = 0; n < 6; n++) yield* Effect.andThen(nodes.get(), advance("500 millis"))
        assert.deepStrictEqual(yield* nodes.answers(3), [b, b, b])
      })
  )

  it.effect("are a matter of the region, of pipelines, of split commands and of sessions", () =>
    Effect.gen(function*() {
      const slots = [[0, 8191, a, b, c], [8192, 16383, "d:7000", "e:7000", "f:7000"]] as const
      const zones = { [b]: there, [c]: here, "e:7000": here, "f:7000": there }
      const { cluster, get, run } = yield* zoned(zones, { slots })
      for (const node of cluster.nodes.values()) node.on("MGET", Reply.array([Reply.bulk(node.key)]))
      const warm = Effect.all([get("preferZone"), get("preferZone", keyOfC)])
      yield* Effect.replicateEffect(Effect.andThen(warm, settle), 3)
      const byZone = ReadFrom.provide("preferZone")
      const pipeline = Redis.pipeline([Redis.get(keyOfA), Redis.get(keyOfC), Redis.get(keyOfA)])
      assert.deepStrictEqual(yield* run(byZone(pipeline)), [c, "e:7000", c])
      assert.deepStrictEqual(yield* run(byZone(Redis.mget([keyOfA, keyOfC]))), [c, "e:7000"])
      const session = Session.use({ keys: keyOfA, readFrom: "preferReplicaInZone" }, Redis.get(keyOfA))
      assert.strictEqual(yield* run(session), c)
      assert.strictEqual(yield* get(), a)
    }))

  it.effect.each(zonal)(
    "wait while nobody can answer, and are answered in the zone: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { readFrom })
        yield* nodes.warm()
        for (const node of [nodes.a, nodes.b, nodes.c]) {
          node.accepts = "none"
          node.drop()
        }
        yield* settle
        const fibers = yield* Effect.replicateEffect(start(nodes.get()), 1000)
        yield* advance("2 seconds")
        const { away, waiting } = yield* nodes.service.stats
        assert.strictEqual(waiting, 1000)
        assert.deepStrictEqual(away.map(({ of }) => of), [`all nodes (${readFrom}) of ${a}`])
        nodes.b.accepts = "all"
        yield* advance("3 seconds")
        for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), b)
      })
  )
})

describe("the client's own zone", () => {
  const problemOf = (error: Redis.RedisError): string => {
    assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
    return error.message
  }

  it.effect.each(zonal)("is needed by a layer whose reads prefer it: %s", (readFrom) =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      const error = yield* Effect.flip(cluster.provide(RedisCluster.make({ nodes: [a], readFrom })))
      assert.include(problemOf(error), "availabilityZone")
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect.each(zonal)(
    "is needed by regions, pipelines and sessions that prefer it: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const { cluster, get, run } = yield* shard()
        const tried = [
          get(readFrom),
          run(ReadFrom.provide(Redis.pipeline([Redis.get(keyOfA), Redis.get(keyOfA)]), readFrom)),
          run(ReadFrom.provide(Redis.mget([keyOfA, keyOfC]), readFrom)),
          run(Session.use({ keys: keyOfA, readFrom }, Redis.get(keyOfA)))
        ]
        for (const each of tried) {
          assert.include(problemOf(yield* Effect.flip(each as Effect.Effect<unknown, Redis.RedisError>)), readFrom)
        }
        assert.strictEqual(cluster.node(b).count("GET bar"), 0)
      })
  )

  it.effect.each(["", 1, null, [here], {}, "a\nb", "x".repeat(1000)])(
    "has to be a name: %j",
    (zone) =>
      Effect.gen(function*() {
        const { cluster } = threeNodes()
        const options = { nodes: [a], availabilityZone: zone as string }
        const problem = problemOf(yield* Effect.flip(cluster.provide(RedisCluster.make(options))))
        assert.include(problem, "availabilityZone")
        assert.isBelow(problem.length, 200)
      })
  )
})

describe("zones of nodes", () => {
  it.effect("are asked for by INFO once a minute, and only by reads that depend on them", () =>
    Effect.gen(function*() {
      const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { way: ways[2][1] })
      for (const readFrom of ["preferReplica", "any", "nearest", "replica"] as const) {
        yield* Effect.replicateEffect(nodes.get(readFrom), 10)
      }
      assert.strictEqual(asked(nodes), 0)
      yield* nodes.warm("preferZone")
      yield* Effect.replicateEffect(nodes.get("preferZone"), 1000)
      assert.strictEqual(asked(nodes), 3)
      nodes.b.on("INFO", info(there))
      nodes.c.on("INFO", info(here))
      for (let n = 0; n < 61; n++) yield* Effect.andThen(nodes.get("preferZone"), advance("1 second"))
      yield* nodes.get("preferZone")
      yield* settle
      assert.strictEqual(asked(nodes), 6)
      assert.strictEqual(yield* nodes.get("preferZone"), c)
    }))

  it.effect.each(ways.slice(0, 2))("are not asked for if they are told: by %s", ([, way]) =>
    Effect.gen(function*() {
      const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { way, readFrom: "preferZone" })
      yield* nodes.warm()
      yield* advance("2 minutes")
      assert.deepStrictEqual(yield* nodes.answers(2), [b, b])
      assert.strictEqual(asked(nodes), 0)
    }))

  const answers = [
    Reply.error("NOPERM User default has no permissions to run the 'info' command"),
    Reply.null,
    Reply.integer(1),
    Reply.bulk("availability_zone:\r\n"),
    Reply.bulk(`availability_zone:${"x".repeat(10_000)}\r\n`)
  ]
  it.effect.each(answers.map((answer, index) => [index, answer] as const))(
    "count as others if they can't be known: %i",
    ([, answer]) =>
      Effect.gen(function*() {
        const nodes = yield* shard({ availabilityZone: here, readFrom: "preferZone" })
        for (const node of nodes.cluster.nodes.values()) node.on("INFO", answer)
        yield* Effect.replicateEffect(nodes.warm(), 3)
        assert.sameMembers([...yield* nodes.answers(2)], [b, c])
      })
  )

  it.effect("change with the map, whose listeners are told", () =>
    Effect.gen(function*() {
      const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { readFrom: "preferZone" })
      const { topology } = nodes.service
      const heard = yield* start(Stream.runCollect(Stream.take(topology.changes, 1)))
      yield* nodes.warm()
      assert.strictEqual(yield* nodes.get(), b)
      nodes.cluster.zones = { [a]: there, [b]: there, [c]: here }
      const before = SlotMap.fingerprint(topology.currentUnsafe())
      yield* nodes.service.refresh
      const [{ added, moved, removed, roleChanged, zoneChanged }] = yield* Fiber.join(heard)
      assert.deepStrictEqual([added, moved, removed, roleChanged], [[], [], [], []])
      assert.deepStrictEqual(
        zoneChanged.map(({ address, availabilityZone }) => [address.key, availabilityZone]),
        [[b, there], [c, here]]
      )
      assert.strictEqual(SlotMap.fingerprint(topology.currentUnsafe()), before)
      assert.deepStrictEqual(yield* nodes.answers(2), [c, c])
    }))

  it("are taken from the view that tells most, of those that agree about the slots", () => {
    const viewOf = (node: string, ...zones: ReadonlyArray<string>): Vote.View => {
      const nodes = [a, b, c].map((key, i) => [
        key[0],
        7000,
        `id-${key}`,
        zones[i] === undefined ? [] : ["availability-zone", zones[i]]
      ])
      const map = Result.getOrThrow(
        SlotMap.fromClusterSlots([[0, 16383, ...nodes]], { origin: Address.tcp("a", 7000) })
      )
      return { node, map, fingerprint: SlotMap.fingerprint(map), healthy: true, epoch: 1 }
    }
    const full = viewOf(b, there, here, there)
    const views = [viewOf(a, there), full, viewOf(c)]
    assert.strictEqual(Vote.elect(views, 3, undefined)?.map, full.map)
    assert.strictEqual(Vote.elect(views.toReversed(), 3, undefined)?.map, full.map)
  })

  it.effect("are learnt from the greeting anew when a node comes back", () =>
    Effect.gen(function*() {
      const nodes = yield* zoned({ [a]: there, [b]: here, [c]: there }, { way: ways[1][1], readFrom: "preferZone" })
      yield* nodes.warm()
      assert.strictEqual(yield* nodes.get(), b)
      nodes.b.on("HELLO", greeting(there))
      nodes.b.drop()
      for (let n = 0; n < 6; n++) yield* Effect.andThen(nodes.get(), advance("500 millis"))
      assert.sameMembers([...yield* nodes.answers(2)], [b, c])
    }))
})

/** A migration that is called off leaves the epochs of both nodes as they are, though keys have gone and come back. */
import { assert, describe, it } from "@effect/vitest"
import { Connector, Redis, RedisCluster, Scan, Slot } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import { FakeCluster, RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** What both kinds of clusters have, as far as it is needed here. */
interface Servers {
  readonly addresses: RedisCluster.Options["nodes"]
  readonly primaries: Effect.Effect<ReadonlyArray<RealCluster.NodeState>, unknown>
  readonly ownerOf: (slot: number) => Effect.Effect<RealCluster.Node, unknown>
  readonly beginMigration: (slot: number, to: RealCluster.Node) => Effect.Effect<void, unknown>
  readonly command: (
    node: RealCluster.Node,
    name: string,
    args: ReadonlyArray<string | number>
  ) => Effect.Effect<unknown, unknown>
  readonly connector: Connector.Connector["Service"]
}

const slot = Slot.fromKey("{t}")
const moving = Array.from({ length: 100 }, (_, n) => `{t}:${n}`)
const keys = [...moving, ...Array.from({ length: 1500 }, (_, n) => `key:${n}`)]

/** Moves the keys of the slot away from its owner, and back, calling the migration off. */
const migration = Effect.fnUntraced(function*({ beginMigration, command, ownerOf, primaries }: Servers) {
  const { id } = yield* ownerOf(slot)
  const nodes = yield* primaries
  const owner = nodes.find((node) => node.id === id)
  const other = nodes.find((node) => node.id !== id)
  assert.isDefined(owner)
  assert.isDefined(other)
  const move = (from: RealCluster.Node, to: RealCluster.Node) =>
    command(from, "MIGRATE", [to.address.host, to.address.port, "", 0, 5000, "KEYS", ...moving])
  const close = (node: RealCluster.Node) => command(node, "CLUSTER", ["SETSLOT", slot, "STABLE"])
  return {
    isOfOwner: (slot: number) => owner.slots.some(([start, end]) => start <= slot && slot <= end),
    goes: Effect.andThen(beginMigration(slot, other), move(owner, other)),
    // The owner first: while it sends a slot away it takes no keys of it.
    comesBack: Effect.all([close(owner), move(other, owner), close(other)])
  }
})

type Acts = Readonly<Record<number, Effect.Effect<unknown, unknown>>>

interface Limits {
  readonly until?: number
  readonly checkpoint?: Scan.Checkpoint | undefined
}

/** Scans, and acts when so many pages had keys of some slots. */
const scan = Effect.fnUntraced(
  function*(isOf: (slot: number) => boolean, acts: Acts, { checkpoint, until }: Limits = {}) {
    const pages: Array<Scan.Page> = []
    let count = 0
    yield* Scan.pages({ count: 15, concurrency: 1, checkpoint }).pipe(
      Stream.tap((page) => {
        pages.push(page)
        if (!page.keys.some((key) => isOf(Slot.fromKey(key)))) return Effect.void
        count++
        return acts[count] ?? Effect.void
      }),
      Stream.takeUntil(() => count === until),
      Stream.runDrain
    )
    assert.isAtLeast(count, until ?? Math.max(...Object.keys(acts).map(Number)))
    return pages
  }
)

const assertAll = (pages: ReadonlyArray<Scan.Page>) => {
  const found = new Set(pages.flatMap((page) => page.keys))
  assert.lengthOf(keys.filter((key) => !found.has(key)), 0)
}

const suite = (name: string, start: Effect.Effect<Servers, unknown, Scope.Scope>) =>
  describe(`a migration that is called off while its source is scanned, ${name}`, () => {
    it.live("costs no key", () =>
      Effect.gen(function*() {
        const servers = yield* start
        yield* Effect.gen(function*() {
          yield* Redis.pipeline(keys.map((key) => Redis.set(key, "1")))
          const { comesBack, goes, isOfOwner } = yield* migration(servers)
          assertAll(yield* scan(isOfOwner, { 1: goes, 35: comesBack }))
          const before = yield* scan(isOfOwner, { 1: goes }, { until: 20 })
          const after = yield* scan(isOfOwner, { 10: comesBack }, { checkpoint: before.at(-1)?.checkpoint })
          assertAll([...before, ...after])
        }).pipe(
          Effect.provide(RedisCluster.layer({ nodes: servers.addresses })),
          Effect.provideService(Connector.Connector, servers.connector)
        )
      }))
  })

suite(
  "in memory",
  Effect.map(FakeCluster.make({ primaries: 2 }), ({ connector, service }) => ({ ...service, connector }))
)

suite(
  "on real servers",
  Effect.gen(function*() {
    const cluster = yield* RealCluster.make({ primaries: 2, replicas: 0 })
    return { ...cluster, connector: yield* NodeConnector.make() }
  })
)

import { assert, layer } from "@effect/vitest"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { watchful } from "../chaos/patience.ts"
import { keysOf, makeWatch, patience, readUntil, store, whileReading } from "./Reads.ts"
import type { Reads } from "./Reads.ts"
import { scenarios } from "./scenarios.ts"
import { layout, scenario, shard, Stage } from "./Stage.ts"
import { zoneScenarios } from "./zones.ts"

const password = Redacted.make("let me in")

const calls = (text: unknown, command: string): number =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(String(text))?.[1] ?? 0)

const start = Effect.gen(function*() {
  const servers = yield* RealCluster.make({ ...layout, password, requireFullCoverage: false, nodeTimeout: watchful })
  const stage = Stage.of({
    ...servers,
    served: (node) => Effect.map(servers.command(node, "INFO", ["commandstats"]), (text) => calls(text, "get")),
    mapTellsZones: servers.kind === "valkey" && Number.parseFloat(servers.version) >= 9,
    setZone: (node, zone) =>
      servers.command(node, "CONFIG", ["SET", "availability-zone", zone]).pipe(
        Effect.andThen(servers.command(node, "CONFIG", ["REWRITE"])),
        Effect.match({ onSuccess: () => true, onFailure: () => false })
      ),
    client: (settings) => NodeRedisCluster.layer({ nodes: servers.addresses, credentials: { password }, ...settings })
  })
  return Context.make(Stage, stage).pipe(Context.add(RealCluster.RealCluster, servers))
})

const configure = Effect.fnUntraced(function*(
  node: RealCluster.Node,
  settings: Readonly<Record<string, string | number>>
) {
  const { command } = yield* RealCluster.RealCluster
  yield* command(node, "CONFIG", ["SET", ...Object.entries(settings).flat()])
})

const cutLink = Effect.fnUntraced(function*(replica: RealCluster.Node) {
  const { command } = yield* RealCluster.RealCluster
  yield* command(replica, "CLIENT", ["KILL", "TYPE", "master"])
})

const info = Effect.fnUntraced(function*(node: RealCluster.Node, section: string) {
  const { command } = yield* RealCluster.RealCluster
  return String(yield* command(node, "INFO", [section]))
})

const linkOf = (node: RealCluster.Node) =>
  Effect.map(info(node, "replication"), (text) => /master_link_status:(\w+)/.exec(text)?.[1])

/** How many reads a node has refused. The pings that it refuses too are another matter. */
const refusals = (node: RealCluster.Node) =>
  Effect.map(
    info(node, "commandstats"),
    (text) => Number(/cmdstat_get:.*rejected_calls=(\d+)/.exec(text)?.[1] ?? 0)
  )

/** Waits until a node has been asked for its role so many times more: then the client knows what it says now. */
const askedAgain = Effect.fnUntraced(function*(reads: Reads, node: RealCluster.Node, times: number) {
  const asked = Effect.map(info(node, "commandstats"), (text) => calls(text, "role"))
  const before = yield* asked
  yield* readUntil(reads, Effect.map(asked, (now) => now >= before + times))
})

/** What nodes in memory don't do. */
const real = [
  scenario(
    "a replica that has lost its primary is passed over, and what it refuses is answered elsewhere",
    Effect.gen(function*() {
      const { primary, replicas: [victim] } = yield* shard(1)
      const keys = keysOf(primary, "link", 100)
      yield* store(keys)
      const { reads, result } = yield* whileReading(
        keys,
        ["preferReplica", "any", "nearest"],
        Effect.fnUntraced(function*(reads) {
          yield* readUntil(reads, yield* makeWatch(victim))
          yield* configure(victim, { "replica-serve-stale-data": "no", masterauth: "wrong" })
          yield* cutLink(victim)
          const isRead = yield* makeWatch(victim)
          yield* readUntil(reads, Effect.map(isRead, (is) => !is))
          assert.strictEqual(yield* linkOf(victim), "down")
          const refused = yield* refusals(victim)
          yield* askedAgain(reads, victim, 2)
          assert.strictEqual(yield* refusals(victim), refused)
          yield* configure(victim, { masterauth: Redacted.value(password) })
          yield* readUntil(reads, isRead)
          assert.strictEqual(yield* linkOf(victim), "up")
          return refused
        })
      )
      yield* Effect.log(`${reads.count} reads, ${result} refused at first, the longest took ${reads.longest} ms`)
      assert.isAtMost(reads.longest, patience)
    })
  ),

  scenario(
    "a replica that loads its data is passed over until it has it",
    Effect.gen(function*() {
      const { command } = yield* RealCluster.RealCluster
      const { primary, replicas: [victim] } = yield* shard(1)
      const keys = keysOf(primary, "load", 300)
      yield* store(keys)
      const { reads, result } = yield* whileReading(
        keys,
        ["preferReplica", "any", "replica"],
        Effect.fnUntraced(function*(reads) {
          yield* readUntil(reads, yield* makeWatch(victim))
          // Five milliseconds a key, with an ear for clients at every kilobyte.
          yield* configure(victim, { "key-load-delay": 5000, "loading-process-events-interval-bytes": 1024 })
          // With another history than the primary's it has to load everything anew.
          yield* command(primary, "DEBUG", ["CHANGE-REPL-ID"])
          yield* cutLink(victim)
          yield* readUntil(reads, Effect.map(info(victim, "persistence"), (text) => /\bloading:1/.test(text)))
          yield* readUntil(reads, yield* makeWatch(victim))
          assert.strictEqual(yield* linkOf(victim), "up")
          yield* configure(victim, { "key-load-delay": 0 })
          return yield* refusals(victim)
        })
      )
      yield* Effect.log(`${reads.count} reads, ${result} refused at first, the longest took ${reads.longest} ms`)
      assert.isAtMost(reads.longest, patience)
    })
  ),

  scenario(
    "replicas go on while nobody takes the place of their primary",
    Effect.gen(function*() {
      const { failover, kill, restart, waitUntilStable } = yield* RealCluster.RealCluster
      const { primary, replicas } = yield* shard(2)
      const keys = keysOf(primary, "orphans", 100)
      yield* store(keys)
      const { reads } = yield* whileReading(
        keys,
        ["preferReplica", "any", "nearest", "replica"],
        Effect.fnUntraced(function*(reads) {
          for (const replica of replicas) yield* configure(replica, { "cluster-replica-no-failover": "yes" })
          yield* kill(primary)
          for (const replica of replicas) yield* askedAgain(reads, replica, 2)
          for (const replica of replicas) assert.strictEqual(yield* linkOf(replica), "down")
        })
      )
      yield* Effect.log(`${reads.count} reads, the longest took ${reads.longest} ms`)
      assert.isAtMost(reads.longest, patience)
      for (const replica of replicas) yield* configure(replica, { "cluster-replica-no-failover": "no" })
      yield* failover(replicas[0], "force")
      yield* restart(primary)
      yield* waitUntilStable
    })
  )
]

layer(Layer.effectContext(start), { excludeTestServices: true })("on real servers", (it) => {
  for (const { name, run } of [...scenarios, ...real, ...zoneScenarios]) it.effect(name, () => run)
})

import { assert, describe, it, layer } from "@effect/vitest"
import { isRedisError } from "@redisc/core/RedisError"
import * as Slot from "@redisc/core/Slot"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { access } from "node:fs/promises"
import { createInterface } from "node:readline/promises"
import { fileURLToPath } from "node:url"
import * as RealCluster from "../src/RealCluster.ts"
import { calm } from "./chaos/patience.ts"

type Cluster = RealCluster.RealCluster["Service"]

/** A hash tag of a slot. */
const tagOf = (slot: number): string => {
  for (let number = 0;; number++) if (Slot.fromKey(`${number}`) === slot) return `{${number}}`
}

const info = (cluster: Cluster, node: RealCluster.Node, section: string, field: string) =>
  Effect.map(
    cluster.command(node, "INFO", [section]),
    (text) => new RegExp(`^${field}:(.*)\r$`, "m").exec(`${text}`)?.[1] ?? ""
  )

const pidOf = (cluster: Cluster, node: RealCluster.Node) =>
  Effect.map(info(cluster, node, "server", "process_id"), Number)

const pidsOf = (cluster: Cluster) =>
  Effect.flatMap(cluster.nodes, (nodes) => Effect.forEach(nodes, (node) => pidOf(cluster, node)))

const folderOf = (cluster: Cluster, node: RealCluster.Node) =>
  Effect.map(
    cluster.command(node, "CONFIG", ["GET", "dir"]),
    (reply) => `${[...reply as Map<string, string>][0][1]}/..`
  )

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // The dead stay in the table of processes until somebody asks after them, which nobody may.
    return !existsSync("/proc/self/stat") || !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  } catch {
    return false
  }
}

const exists = (path: string) => Effect.promise(() => access(path).then(() => true, () => false))

/** What the server answered instead of a reply. */
const refusal = (effect: Effect.Effect<unknown, RealCluster.RealClusterError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    if (!isRedisError(error.cause)) return assert.fail(error.message)
    const { reason } = error.cause
    return reason._tag === "Moved" || reason._tag === "Ask"
      ? `${reason._tag} ${reason.slot} ${reason.address}`
      : reason._tag
  })

const problem = (effect: Effect.Effect<unknown, RealCluster.RealClusterError>) =>
  Effect.map(Effect.flip(effect), (error) => error.message)

layer(RealCluster.layer({ replicas: 1, nodeTimeout: calm }), { excludeTestServices: true })("a cluster", (it) => {
  it.effect("starts with its slots spread over the primaries, and a replica for each", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      const nodes = yield* cluster.nodes
      assert.deepStrictEqual(nodes.map(({ name }) => name), [
        "node-0",
        "node-1",
        "node-2",
        "node-3",
        "node-4",
        "node-5"
      ])
      assert.deepStrictEqual(nodes.map(({ address }) => address), cluster.addresses)
      assert.deepStrictEqual(nodes.map(({ role }) => role), [
        "primary",
        "primary",
        "primary",
        "replica",
        "replica",
        "replica"
      ])
      assert.deepStrictEqual(nodes.flatMap(({ slots }) => slots), [[0, 5460], [5461, 10922], [10923, 16383]])
      assert.deepStrictEqual(nodes.map(({ primary }) => primary), [
        undefined,
        undefined,
        undefined,
        ...nodes.slice(0, 3).map(({ id }) => id)
      ])
      for (const node of nodes) {
        assert.include(`${yield* cluster.command(node, "CLUSTER", ["INFO"])}`, "cluster_state:ok")
        assert.strictEqual(yield* cluster.command(node, "CLUSTER", ["MYID"]), node.id)
      }
      assert.strictEqual((yield* cluster.ownerOf(10_922)).name, "node-1")
      assert.match(cluster.version, /^\d+\.\d+\.\d+$/)
      assert.strictEqual(
        yield* info(cluster, nodes[0], "server", cluster.kind === "valkey" ? "valkey_version" : "redis_version"),
        cluster.version
      )
    }))

  it.effect("has replicas in the shards of their primaries, so that messages of a shard reach them", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      for (const node of yield* cluster.nodes) {
        const shards = yield* cluster.command(node, "CLUSTER", ["SHARDS"]) as Effect.Effect<
          ReadonlyArray<Map<string, ReadonlyArray<Map<string, string>>>>,
          RealCluster.RealClusterError
        >
        const ids = shards.map((shard) => shard.get("nodes")!.map((node) => node.get("id")).sort())
        const right = (yield* cluster.primaries).map(Effect.fnUntraced(function*(primary) {
          return [primary.id, ...(yield* cluster.replicasOf(primary)).map(({ id }) => id)].sort()
        }))
        assert.sameDeepMembers(ids, yield* Effect.all(right))
      }
      const owner = yield* cluster.ownerOf(7)
      yield* cluster.command(owner, "SPUBLISH", [tagOf(7), "message"])
      for (const node of [owner, ...(yield* cluster.replicasOf(owner))]) {
        assert.strictEqual(yield* cluster.command(node, "PING"), "PONG")
      }
    }))

  it.effect("moves slots with their keys, and every node knows it", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      const [source, target] = yield* cluster.primaries
      const tag = tagOf(7)
      const keys = Array.from({ length: 250 }, (_, index) => `${tag}:${index}`)
      yield* Effect.forEach(keys, (key) => cluster.command(source, "SET", [key, key]), { concurrency: "unbounded" })
      const bytes = Uint8Array.from([...new TextEncoder().encode(tag), 0, 255, 13, 10])
      yield* cluster.command(source, "SET", [bytes, bytes, "PX", 60_000])

      yield* cluster.migrateSlots({ to: target, from: source, slots: [[5, 9]] })
      assert.strictEqual((yield* cluster.ownerOf(7)).id, target.id)
      assert.strictEqual(yield* cluster.command(target, "CLUSTER", ["COUNTKEYSINSLOT", 7]), 251)
      assert.strictEqual(yield* cluster.command(source, "CLUSTER", ["COUNTKEYSINSLOT", 7]), 0)
      assert.strictEqual(yield* cluster.command(target, "GET", [keys[249]]), keys[249])
      assert.isAbove(Number(yield* cluster.command(target, "PTTL", [bytes])), 0)
      for (const node of (yield* cluster.nodes).filter(({ id }) => id !== target.id)) {
        assert.strictEqual(yield* refusal(cluster.command(node, "GET", [keys[0]])), `Moved 7 ${target.address.key}`)
      }

      yield* cluster.migrateSlots({ to: source, slots: [5, 6, 7, [8, 9]] })
      assert.deepStrictEqual((yield* cluster.primaries)[0].slots, [[0, 5460]])
      yield* cluster.flushAll
      assert.strictEqual(yield* cluster.command(source, "DBSIZE"), 0)
    }))

  it.effect("stops half-way, so that a slot's keys are at two nodes", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      const [source, target] = yield* cluster.primaries
      const keys = Array.from({ length: 10 }, (_, index) => `${tagOf(42)}:${index}`)
      yield* Effect.forEach(keys, (key) => cluster.command(source, "SET", [key, "value"]))
      const answers = Effect.map(
        Effect.forEach(keys, (key) => Effect.exit(cluster.command(source, "GET", [key]))),
        (exits) => exits.filter(Exit.isSuccess).length
      )
      yield* cluster.beginMigration(42, target)
      assert.strictEqual(yield* answers, 10)
      const absent = cluster.command(source, "GET", [`${tagOf(42)}:absent`])
      assert.strictEqual(yield* refusal(absent), `Ask 42 ${target.address.key}`)
      assert.strictEqual(yield* refusal(cluster.command(target, "GET", [keys[0]])), `Moved 42 ${source.address.key}`)

      assert.strictEqual(yield* cluster.migrateKeys(42, 3), 3)
      assert.strictEqual(yield* answers, 7)
      assert.strictEqual(yield* refusal(cluster.command(source, "MGET", keys)), "TryAgain")
      assert.strictEqual((yield* cluster.ownerOf(42)).id, source.id)

      yield* cluster.finishMigration(42)
      assert.strictEqual(yield* answers, 0)
      assert.deepStrictEqual(yield* cluster.command(target, "MGET", keys), keys.map(() => "value"))
      yield* cluster.migrateSlots({ to: source, slots: [42] })
      assert.strictEqual(yield* answers, 10)
    }))

  it.effect("moves thousands of slots in a moment", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      const [source, target] = yield* cluster.primaries
      for (let slot = 0; slot < 3000; slot += 100) yield* cluster.command(source, "SET", [tagOf(slot), "value"])
      yield* cluster.migrateSlots({ to: target, slots: [[0, 2999]] })
      assert.strictEqual(yield* cluster.command(target, "GET", [tagOf(2900)]), "value")
      yield* cluster.migrateSlots({ to: source, slots: [[0, 2999]] })
    }))

  it.effect("lets a replica take over, in each of the three ways", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      for (const [index, mode] of (["default", "force", "takeover"] as const).entries()) {
        const old = (yield* cluster.nodes)[index]
        const [replica] = yield* cluster.replicasOf(old)
        yield* cluster.failover(replica, mode)
        assert.strictEqual(yield* info(cluster, replica, "replication", "role"), "master")
        assert.strictEqual(yield* info(cluster, old, "replication", "role"), "slave")
        assert.strictEqual((yield* cluster.ownerOf(old.slots[0][0])).id, replica.id)
        assert.deepStrictEqual((yield* cluster.replicasOf(replica)).map(({ id }) => id), [old.id])
      }
    }))

  it.effect("says what is wrong with what it is asked", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.RealCluster
      const [one, two] = yield* cluster.primaries
      const theirs = two.slots[0][0]
      assert.include(yield* problem(cluster.ownerOf(16_384)), "0 to 16383")
      assert.include(yield* problem(cluster.migrateSlots({ to: one })), "give slots, or from")
      assert.include(
        yield* problem(cluster.migrateSlots({ to: two, from: one, slots: [theirs] })),
        `not one of ${one.name}`
      )
      assert.include(yield* problem(cluster.beginMigration(theirs, two)), `at ${two.name} already`)
      assert.include(yield* problem(cluster.migrateKeys(1, 1)), "call beginMigration first")
      assert.include(yield* problem(cluster.kill({ ...one, id: "another" })), "no node of this cluster")
      assert.include(yield* problem(cluster.removeNode(one)), "is a replica of")
      assert.include(yield* problem(cluster.failover(one)), "You should send CLUSTER FAILOVER to a replica")
    }))
})

describe.concurrent("a cluster in trouble", () => {
  it.live("promotes the replica of a killed primary, which comes back as a replica", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.make({ replicas: 1 })
      const [primary] = yield* cluster.primaries
      const [replica] = yield* cluster.replicasOf(primary)
      const pid = yield* pidOf(cluster, primary)
      yield* cluster.kill(primary)
      assert.isFalse(isAlive(pid))
      assert.include(yield* problem(cluster.command(primary, "PING")), "restart it first")
      assert.strictEqual((yield* cluster.nodes)[0].process, "stopped")

      const promoted = yield* cluster.awaitPromotion(primary)
      assert.strictEqual(promoted.id, replica.id)
      yield* cluster.waitUntilStable
      assert.strictEqual((yield* cluster.ownerOf(0)).id, replica.id)
      assert.strictEqual(yield* cluster.command(promoted, "SET", [tagOf(0), "value"]), "OK")

      yield* cluster.restart(primary)
      yield* cluster.waitUntilStable
      assert.deepStrictEqual((yield* cluster.replicasOf(promoted)).map(({ id }) => id), [primary.id])
      assert.notStrictEqual(yield* pidOf(cluster, primary), pid)
    }))

  it.live("promotes the replica of a paused primary, which follows it when it goes on", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.make({ replicas: 1 })
      const [primary] = yield* cluster.primaries
      const pid = yield* pidOf(cluster, primary)
      yield* cluster.pause(primary)
      assert.isTrue(isAlive(pid))
      assert.include(yield* problem(cluster.command(primary, "PING")), "resume it first")
      const promoted = yield* cluster.awaitPromotion(primary)
      assert.strictEqual((yield* cluster.nodes)[0].process, "paused")
      yield* cluster.resume(primary)
      yield* cluster.waitUntilStable
      assert.strictEqual((yield* cluster.nodes)[0].primary, promoted.id)
      assert.strictEqual(yield* pidOf(cluster, primary), pid)
    }))

  it.live("grows by a primary and its replica, and shrinks again", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.make()
      const primary = yield* cluster.addNode()
      const replica = yield* cluster.addNode({ replicaOf: primary })
      assert.deepStrictEqual((yield* cluster.replicasOf(primary)).map(({ id }) => id), [replica.id])
      yield* cluster.migrateSlots({ to: primary, slots: [[0, 99]] })
      yield* cluster.command(primary, "SET", [tagOf(50), "value"])
      for (const node of yield* cluster.nodes) {
        assert.include(`${yield* cluster.command(node, "CLUSTER", ["INFO"])}`, "cluster_known_nodes:5")
      }

      const pids = [yield* pidOf(cluster, primary), yield* pidOf(cluster, replica)]
      yield* cluster.removeNode(replica)
      yield* cluster.removeNode(primary)
      assert.deepStrictEqual(pids.map(isAlive), [false, false])
      const left = yield* cluster.nodes
      assert.strictEqual(left.length, 3)
      for (const node of left) {
        assert.include(`${yield* cluster.command(node, "CLUSTER", ["INFO"])}`, "cluster_known_nodes:3")
      }
      assert.strictEqual(yield* cluster.command(yield* cluster.ownerOf(50), "GET", [tagOf(50)]), "value")
    }))

  it.live("goes on without a primary that nobody replaces, if it may", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.make({ requireFullCoverage: false })
      const [primary, other] = yield* cluster.primaries
      yield* cluster.kill(primary)
      assert.include(yield* problem(cluster.awaitPromotion(primary)), `${primary.name} had no replica`)
      assert.strictEqual(yield* cluster.command(other, "SET", [tagOf(6000), "value"]), "OK")
      yield* cluster.restart(primary)
      yield* cluster.waitUntilStable
    }))

  it.live("says what a server said that crashed, to all who wait for it and at the end", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const cluster = yield* Scope.provide(RealCluster.make({ replicas: 1 }), scope)
      const [primary, other] = yield* cluster.primaries
      const pid = yield* pidOf(cluster, primary)
      const waiting = yield* Effect.forkChild(problem(cluster.command(primary, "BLPOP", [tagOf(0), 0])), {
        startImmediately: true
      })
      process.kill(pid, "SIGSEGV")
      for (
        const message of [
          yield* Fiber.join(waiting),
          yield* problem(cluster.command(primary, "PING")),
          yield* problem(cluster.waitUntilStable),
          yield* problem(cluster.awaitPromotion(other))
        ]
      ) {
        assert.include(message, `${primary.name} has ended by itself`)
        assert.include(message, "BUG REPORT START")
      }
      const end = yield* Effect.exit(Scope.close(scope, Exit.void))
      assert.include(String(Exit.isFailure(end) && Cause.squash(end.cause)), `${primary.name} has ended by itself`)
    }))
})

describe.concurrent("a cluster's life", () => {
  it.live(
    "ends with its scope, for running, paused, killed and added nodes, and leaves its neighbour alone",
    () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const [doomed, neighbour] = yield* Effect.all(
          [Scope.provide(RealCluster.make(), scope), RealCluster.make({ primaries: 1 })],
          { concurrency: "unbounded" }
        )
        yield* doomed.addNode()
        const pids = yield* pidsOf(doomed)
        const [one, two, three] = yield* doomed.primaries
        const folder = yield* folderOf(doomed, one)
        assert.isTrue(yield* exists(folder))
        yield* doomed.pause(one)
        yield* doomed.kill(two)
        yield* doomed.restart(two)
        yield* doomed.kill(three)
        pids.push(yield* pidOf(doomed, two))

        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(pids.length, 5)
        assert.deepStrictEqual(pids.filter(isAlive), [])
        assert.isFalse(yield* exists(folder))
        assert.deepStrictEqual((yield* pidsOf(neighbour)).map(isAlive), [true])
        yield* neighbour.waitUntilStable
      })
  )

  it.live("ends when the process that started it is killed", () =>
    Effect.gen(function*() {
      const script = `
        import * as RealCluster from "./src/RealCluster.ts"
        import * as Effect from "effect/Effect"
        await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
          const { command, nodes } = yield* RealCluster.make({ primaries: 2 })
          const infos = yield* Effect.forEach(yield* nodes, (node) => command(node, "INFO", ["server"]))
          process.stdout.write(infos.map((info) => /process_id:(.*)/.exec(info)[1]).join(" ") + "\\n")
          yield* Effect.sleep("1 minute")
        })))`
      const parent = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, ["--conditions=@redisc/source", "--input-type=module", "-e", script], {
            cwd: fileURLToPath(new URL("..", import.meta.url)),
            stdio: ["ignore", "pipe", "inherit"]
          })
        ),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const line = yield* Effect.promise(async () => {
        for await (const line of createInterface({ input: parent.stdout })) return line
        return assert.fail("the cluster did not start")
      })
      const pids = line.split(" ").map(Number)
      assert.deepStrictEqual(pids.map(isAlive), [true, true])
      parent.kill("SIGKILL")
      while (pids.some(isAlive)) yield* Effect.sleep("10 millis")
    }))

  it.live("lets in who knows the password, over TLS, and moves keys all the same", () =>
    Effect.gen(function*() {
      const password = Redacted.make("a \"quoted\" password")
      const cluster = yield* RealCluster.make({ replicas: 1, tls: true, password })
      assert.isString(cluster.tls?.ca)
      const [source, target] = yield* cluster.primaries
      yield* cluster.command(source, "SET", [tagOf(1), "value"])
      yield* cluster.migrateSlots({ to: target, slots: [1] })
      assert.strictEqual(yield* cluster.command(target, "GET", [tagOf(1)]), "value")
      yield* cluster.failover((yield* cluster.replicasOf(source))[0])
    }))

  it.effect("does not wait for a test's clock", () =>
    Effect.gen(function*() {
      const cluster = yield* RealCluster.make({ primaries: 1, config: { "maxmemory-policy": "allkeys-lru" } })
      const [node] = yield* cluster.primaries
      const reply = yield* cluster.command(node, "CONFIG", ["GET", "maxmemory-policy"])
      assert.deepStrictEqual(reply, new Map([["maxmemory-policy", "allkeys-lru"]]))
    }))

  it.live("may end by SHUTDOWN, which is no crash", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const cluster = yield* Scope.provide(RealCluster.make({ primaries: 1 }), scope)
      const [node] = yield* cluster.primaries
      const pid = yield* pidOf(cluster, node)
      yield* Effect.flip(cluster.command(node, "SHUTDOWN", ["NOSAVE"]))
      while (isAlive(pid)) yield* Effect.sleep("10 millis")
      assert.include(yield* problem(cluster.command(node, "PING")), "restart it first")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Scope.close(scope, Exit.void))))
    }))

  it.live("does not begin without a server, or with a setting that the server refuses", () =>
    Effect.gen(function*() {
      assert.include(
        yield* problem(Effect.scoped(RealCluster.make({ server: "/no/redis-server" }))),
        "/no/redis-server"
      )
      assert.include(yield* problem(Effect.scoped(RealCluster.make({ primaries: 0 }))), "at least 1")
      const message = yield* problem(Effect.scoped(RealCluster.make({ config: { "no-such-directive": "1" } })))
      assert.include(message, "did not start")
      assert.include(message, "no-such-directive")
    }))
})

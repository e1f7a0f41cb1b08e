import { assert, describe, it } from "@effect/vitest"
import { isRedisError } from "@redisc/core/RedisError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as RealRedis from "../src/RealRedis.ts"

type Servers = RealRedis.RealRedis["Service"]

const pidOf = (servers: Servers, node: RealRedis.ServerNode) =>
  Effect.map(servers.command(node, "INFO", ["server"]), (text) => Number(/process_id:(\d+)/.exec(`${text}`)?.[1]))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const rolesOf = (servers: Servers) =>
  Effect.map(servers.nodes, (nodes) => nodes.map(({ process, role }) => role ?? process))

describe("RealRedis", () => {
  it.live(
    "starts servers without cluster mode, where replicas copy the first, and ends them with the scope",
    () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const servers = yield* Scope.provide(RealRedis.make({ replicas: 1, config: { maxclients: "77" } }), scope)
        const [primary, replica] = yield* servers.nodes
        assert.deepStrictEqual(servers.addresses, [primary.address, replica.address])
        assert.deepStrictEqual(yield* rolesOf(servers), ["primary", "replica"])
        assert.include(`${yield* servers.command(primary, "INFO", ["cluster"])}`, "cluster_enabled:0")
        assert.include(`${yield* servers.command(primary, "INFO", ["clients"])}`, "maxclients:77")
        yield* servers.command(primary, "SET", ["a", "1"])
        assert.strictEqual(yield* servers.command(primary, "WAIT", [1, 5000]), 1)
        assert.strictEqual(yield* servers.command(replica, "GET", ["a"]), "1")
        const pids = yield* Effect.forEach([primary, replica], (node) => pidOf(servers, node))
        assert.deepStrictEqual(pids.map(isAlive), [true, true])
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(pids.map(isAlive), [false, false])
      })
  )

  it.live(
    "hands over to a replica without losing a write, and the others follow, also one that comes back",
    () =>
      Effect.gen(function*() {
        const servers = yield* RealRedis.make({ replicas: 2 })
        const [first, second, third] = yield* servers.nodes
        yield* servers.command(first, "SET", ["a", "1"])
        yield* servers.kill(third)
        yield* servers.failover(second)
        assert.deepStrictEqual(yield* rolesOf(servers), ["replica", "primary", "stopped"])
        assert.strictEqual(yield* servers.command(second, "GET", ["a"]), "1")
        yield* servers.restart(third)
        yield* servers.waitUntilStable
        assert.deepStrictEqual((yield* servers.nodes).map(({ primary }) => primary), [
          second.address.key,
          undefined,
          second.address.key
        ])
        assert.strictEqual((yield* servers.primary).name, second.name)
        assert.deepStrictEqual((yield* servers.replicas).map(({ name }) => name), [first.name, third.name])
      })
  )

  it.live("promotes by force while the primary is dead, which comes back as a replica", () =>
    Effect.gen(function*() {
      const servers = yield* RealRedis.make({ replicas: 1 })
      const [first, second] = yield* servers.nodes
      yield* servers.kill(first)
      yield* servers.failover(second, "force")
      assert.deepStrictEqual(yield* rolesOf(servers), ["stopped", "primary"])
      yield* servers.restart(first)
      yield* servers.waitUntilStable
      assert.deepStrictEqual(yield* rolesOf(servers), ["replica", "primary"])
    }))

  it.live("pauses and resumes servers, and has passwords and TLS", () =>
    Effect.gen(function*() {
      const servers = yield* RealRedis.make({ replicas: 1, tls: true, password: Redacted.make("it's \"secret\"") })
      const [first] = yield* servers.nodes
      assert.isDefined(servers.tls)
      yield* servers.pause(first)
      assert.deepStrictEqual(yield* rolesOf(servers), ["paused", "replica"])
      yield* servers.resume(first)
      yield* servers.waitUntilStable
      const refusal = yield* Effect.flip(servers.command(first, "NOSUCHCOMMAND"))
      assert.isTrue(isRedisError(refusal.cause))
    }))

  it.live("says what to do about wrong options, and about servers that are not there", () =>
    Effect.gen(function*() {
      assert.include((yield* Effect.flip(RealRedis.make({ replicas: -1 }))).message, "replicas is -1")
      const servers = yield* RealRedis.make()
      const [only] = yield* servers.nodes
      yield* servers.kill(only)
      assert.include((yield* Effect.flip(servers.command(only, "PING"))).message, "restart it first")
      const nobody = { ...only, name: "node-9" }
      assert.include((yield* Effect.flip(servers.kill(nobody))).message, "node-9 is not one of these servers")
    }))
})

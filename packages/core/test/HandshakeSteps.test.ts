/** What layers add to the handshake is said on each connection, together with what the client says of itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as CommandSpec from "../src/CommandSpec.ts"
import * as Reply from "../src/internal/commands/reply.ts"
import { connect } from "../src/internal/connection/connect.ts"
import type { Step } from "../src/internal/connection/handshake.ts"
import { makePool } from "../src/internal/connection/nodePool.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import { settle } from "./support/scenes.ts"
import * as Scripted from "./support/ScriptedCluster.ts"

const address = Address.tcp("a", 7000)

const step = (name: string, args: ReadonlyArray<string>, outcome?: Omit<Step, "command">): Step => ({
  command: Command.make(CommandSpec.get(name), args, Reply.raw),
  ...outcome
})

const tracking = step("CLIENT TRACKING", ["ON"])
const noEvict = (otherwise?: Step["otherwise"]) => step("CLIENT NO-EVICT", ["ON"], otherwise && { otherwise })

const ok = Scripted.Reply.simple("OK")
const refusal = Scripted.Reply.error("ERR unknown subcommand 'no-evict'")

const pooled = Effect.fnUntraced(function*(steps: ReadonlyArray<Step>, options: NodePool.Options = {}) {
  const cluster = Scripted.scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000")
  node.on("GET", Scripted.Reply.bulk("1")).on("CLIENT TRACKING", ok)
  const pool = yield* cluster.provide(makePool(options, () => ({ steps })))
  return { cluster, node, pool, at: pool.node(address) }
})

describe("a step that a layer adds", () => {
  it.effect("is taken on all connections of a pool: shared, dedicated and those that read from replicas", () =>
    Effect.gen(function*() {
      const { at, node, pool } = yield* pooled([tracking], { connectionsPerNode: 2 })
      yield* at.execute(Redis.get("k"))
      yield* pool.reader(address).execute(Redis.get("k"))
      yield* Effect.scoped(at.dedicated)
      assert.strictEqual(node.connections.length, 5)
      for (const { received } of node.connections) assert.include(received, "CLIENT TRACKING ON")
    }))

  it.effect("goes out in one write with the others that follow HELLO", () =>
    Effect.gen(function*() {
      const { at, node } = yield* pooled([tracking])
      yield* at.execute(Redis.get("k"))
      const [{ received, writes }] = node.connections
      assert.deepStrictEqual(writes, [1, 5, 1])
      assert.strictEqual(received[4], "CLIENT TRACKING ON")
    }))

  it.effect("leaves a connection as new, since all are alike", () =>
    Effect.gen(function*() {
      const { at, node } = yield* pooled([tracking])
      yield* Effect.scoped(at.dedicated)
      yield* Effect.scoped(at.dedicated)
      assert.strictEqual(node.connections.length, 1)
    }))

  it.effect("tells what it was answered", () =>
    Effect.gen(function*() {
      const answers: Array<unknown> = []
      const { at, node } = yield* pooled([step("CLIENT ID", [], { onReply: (value) => answers.push(value) })])
      node.on("CLIENT ID", Scripted.Reply.integer(7))
      yield* at.execute(Redis.get("k"))
      assert.deepStrictEqual(answers, [7])
    }))

  it.effect("that is refused and must not be leaves no connection", () =>
    Effect.gen(function*() {
      const { at, node, pool } = yield* pooled([noEvict()])
      const troubles: Array<string | undefined> = []
      pool.onTrouble((_, failure) => troubles.push(failure?.reason._tag))
      node.on("CLIENT NO-EVICT", refusal)
      const error = yield* Effect.flip(at.execute(Redis.get("k")))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], ["ConnectionFailed", "NotSent", "a:7000"])
      assert.include(error.message, "unknown subcommand")
      yield* settle
      assert.deepStrictEqual(troubles, ["ConnectionFailed"])
    }))

  it.effect("names the command that was refused", () =>
    Effect.gen(function*() {
      const { cluster, node } = yield* pooled([])
      node.on("CLIENT NO-EVICT", refusal)
      const error = yield* Effect.flip(cluster.provide(connect(address, {}, { steps: [noEvict()] })))
      assert.strictEqual(error.command, "CLIENT NO-EVICT")
    }))

  it.effect("that is not permitted tells of the credentials", () =>
    Effect.gen(function*() {
      const { cluster, node } = yield* pooled([])
      node.on(
        "CLIENT NO-EVICT",
        Scripted.Reply.error("NOPERM User default has no permissions to run 'client|no-evict'")
      )
      const error = yield* Effect.flip(cluster.provide(connect(address, {}, { steps: [noEvict()] })))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["AuthenticationFailed", "NotSent"])
    }))

  it.effect("that may be refused is done without, or made up for by another", () =>
    Effect.gen(function*() {
      const reasons: Array<string> = []
      const { at, node } = yield* pooled([
        noEvict((reason) => {
          reasons.push(reason._tag)
          return [tracking]
        }),
        step("CLIENT NO-TOUCH", ["ON"], { otherwise: () => [] })
      ])
      node.on("CLIENT NO-EVICT", refusal).on("CLIENT NO-TOUCH", refusal)
      assert.strictEqual(yield* at.execute(Redis.get("k")), "1")
      assert.deepStrictEqual(reasons, ["ServerError"])
      assert.strictEqual(node.connections[0].received.at(-2), "CLIENT TRACKING ON")
    }))

  it.effect("is no option of a program", () =>
    Effect.gen(function*() {
      const { cluster } = yield* pooled([])
      const options = { steps: [tracking] } as NodePool.Options
      const error = yield* Effect.flip(cluster.provide(NodePool.make(options)))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
    }))
})

/** Commands that block while the node that they block on is replaced, as planned. */
import { assert } from "@effect/vitest"
import { Command, Redis } from "@redisc/core"
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Cluster, homeOf, scenario, withClient } from "./Cluster.ts"

const tag = "{failovers}"
const key = (name: string) => `${tag}:${name}`

const blockedOn = (node: RealCluster.NodeState) =>
  Effect.flatMap(
    Cluster,
    ({ command }) =>
      Effect.map(command(node, "INFO", ["clients"]), (info) => Number(/blocked_clients:(\d+)/.exec(String(info))?.[1]))
  )

/** Commands that block for a minute, each with what they get in the end. */
const waiting: ReadonlyArray<readonly [blocked: Command.Any, gets: unknown]> = [
  [Redis.blpop([key("blpop")], "1 minute"), { key: key("blpop"), element: "x" }],
  [Redis.command("BRPOP", [key("brpop"), "60"]), [key("brpop"), "x"]],
  [Redis.command("BLMOVE", [key("blmove"), key("moved"), "LEFT", "LEFT", "60"]), "x"],
  [Redis.command("BLMPOP", ["60", "1", key("blmpop"), "LEFT"]), [key("blmpop"), ["x"]]],
  [Redis.bzpopmin([key("bzpopmin")], "1 minute").pipe(Command.map((popped) => popped?.member)), "x"],
  [Redis.xread({ [key("xread")]: "$" }, { block: "1 minute" }).pipe(Command.map((read) => read?.length)), 1],
  [
    Redis.command("XREADGROUP", ["GROUP", "g", "c", "BLOCK", "60000", "STREAMS", key("group"), ">"]).pipe(
      Command.map((read) => read !== null)
    ),
    true
  ]
]

const filled = Effect.all([
  ...["blpop", "brpop", "blmove", "blmpop"].map((name) => Redis.rpush(key(name), ["x"])),
  Redis.command("ZADD", [key("bzpopmin"), "1", "x"]),
  Redis.command("XADD", [key("xread"), "*", "f", "v"]),
  Redis.command("XADD", [key("group"), "*", "f", "v"])
])

export const failovers = [
  scenario(
    "a planned failover under commands that block is none of their business: they go on at the new primary",
    Effect.gen(function*() {
      const { failover, replicasOf, waitUntilStable } = yield* Cluster
      yield* Redis.command("XGROUP", ["CREATE", key("group"), "g", "$", "MKSTREAM"]).pipe(
        Redis.ensureReplication({ replicas: 1, within: "30 seconds" })
      )
      const { owner } = yield* homeOf(tag)
      const fibers = yield* Effect.forEach(
        waiting,
        ([command]) => Effect.forkChild(command, { startImmediately: true })
      )
      yield* Effect.repeat(blockedOn(owner), { until: (count) => count === waiting.length })
      const [replica] = yield* replicasOf(owner)
      yield* failover(replica)
      yield* waitUntilStable
      const { owner: promoted } = yield* homeOf(tag)
      assert.notStrictEqual(promoted.id, owner.id)
      yield* Effect.repeat(blockedOn(promoted), { until: (count) => count === waiting.length })
      yield* filled
      const got = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(got, waiting.map(([, gets]) => gets))
    }).pipe(withClient())
  ),
  scenario(
    "what an administrator unblocks with an error fails with that",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const { owner } = yield* homeOf(tag)
      const name = key("unblocked")
      const fiber = yield* Effect.forkChild(Effect.flip(Redis.blpop([name], "1 minute")), { startImmediately: true })
      yield* Effect.repeat(blockedOn(owner), { until: (count) => count === 1 })
      const list = String(yield* command(owner, "CLIENT", ["LIST"]))
      const id = /^id=(\d+) .*cmd=blpop/m.exec(list)?.[1] ?? assert.fail("nobody blocks")
      yield* command(owner, "CLIENT", ["UNBLOCK", id, "ERROR"])
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error.reason, { _tag: "ServerError", code: "UNBLOCKED" })
      assert.strictEqual(error.delivery, "Rejected")
    }).pipe(withClient())
  )
]

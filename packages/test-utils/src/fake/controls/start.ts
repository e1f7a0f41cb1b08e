/**
 * Starts the world of simulated nodes of any kind.
 *
 * @since 0.1.0
 */
import type { Connector } from "@redisc/core/Connector"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Front from "../cluster/front.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import { World } from "../cluster/world.ts"
import type { Settings } from "../cluster/world.ts"
import { groups, sentinelGroups } from "../commands/groups.ts"
import * as Registry from "../definitions/registry.ts"
import { makeConnector } from "../network/transport.ts"
import { Timers } from "../session/timers.ts"
import * as Processes from "./processes.ts"

/** A world, and the `Connector` that leads to its nodes. */
export interface Started {
  readonly world: FakeWorld
  readonly connector: Connector["Service"]
}

/** Starts a world, which ends with the scope. `populate` puts its first nodes in. */
export const start = Effect.fnUntraced(function*(
  settings: Settings,
  seed: number,
  populate: (world: FakeWorld) => void
): Effect.fn.Return<Started, never, Scope.Scope> {
  Registry.load(groups)
  Registry.load(sentinelGroups, "sentinel")
  const context = yield* Effect.context()
  const timers = new Timers(Effect.runForkWith(context))
  yield* Effect.addFinalizer(() => Effect.sync(() => timers.close()))
  const fork = Effect.runForkWith(context)
  const world = new World<FakeNode>({
    clock: yield* Clock.Clock,
    timers,
    settings,
    seed,
    warn: (text) => {
      fork(Effect.logWarning(text))
    }
  })
  world.shutDown = (node) => queueMicrotask(() => Processes.kill(world, node.name))
  const { shape } = settings.profile
  if (shape !== "nodes") Front.put(world, shape === "endpoint")
  populate(world)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const node of world.nodes.values()) {
        for (const session of Array.from(node.sessions)) session.drop("the simulated server has ended")
      }
    })
  )
  return { world, connector: makeConnector(world) }
})

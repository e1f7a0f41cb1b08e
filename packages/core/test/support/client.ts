/** A client of scripted nodes, and what tests of held connections look at. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Address from "../../src/Address.ts"
import * as Client from "../../src/Client.ts"
import type * as Command from "../../src/Command.ts"
import * as Nodes from "../../src/Nodes.ts"
import * as Redis from "../../src/Redis.ts"
import * as RedisCluster from "../../src/RedisCluster.ts"
import { settle, threeNodes } from "./scenes.ts"
import { Reply, scriptedCluster } from "./ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedConnection, ScriptedNode } from "./ScriptedCluster.ts"
import type { Slots } from "./slotsReply.ts"

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { startImmediately: true })

/** Executes a command on one node, or on each node of a role, for a client that is at hand. */
export const onNodesOf = ({ client }: RedisCluster.RedisCluster["Service"]) => ({
  executeOn: <A>(address: Address.Address, command: Command.Command<A>) =>
    Effect.provideService(Nodes.executeOn(address, command), Client.Client, client),
  executeEach: <A>(command: Command.Command<A>, nodes: Nodes.Nodes) =>
    Effect.provideService(Nodes.execute(nodes, command), Client.Client, client)
})

export const clientOf = Effect.fnUntraced(function*(cluster: ScriptedCluster, options?: Partial<RedisCluster.Options>) {
  const service = yield* cluster.provide(RedisCluster.make({ nodes: ["a:7000"], ...options }))
  yield* settle
  /** Runs an effect with what the layer of a cluster provides. */
  const run = <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, Exclude<R, RedisCluster.Services>> =>
    effect.pipe(
      Effect.provideService(Redis.Redis, service.client.redis),
      Effect.provideService(Client.Client, service.client),
      Effect.provideService(RedisCluster.RedisCluster, service)
    ) as Effect.Effect<A, E, Exclude<R, RedisCluster.Services>>
  return { service, run }
})

/** A client of the {@link threeNodes}. */
export const connected = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = threeNodes()
  return { ...nodes, ...yield* clientOf(nodes.cluster, options) }
})

/** A client of nodes that share the slots in another way. They answer as those do. `prepare` may change what they say. */
export const connectedTo = Effect.fnUntraced(function*(
  slots: Slots,
  options?: Partial<RedisCluster.Options>,
  prepare: (cluster: ScriptedCluster) => void = () => {}
) {
  const cluster = scriptedCluster(slots)
  for (const node of cluster.nodes.values()) node.on("GET", Reply.bulk(node.key)).on("SET", Reply.simple("OK"))
  prepare(cluster)
  return { cluster, ...yield* clientOf(cluster, options) }
})

/** What came over a connection, without what is said by itself. */
export const said = ({ received }: ScriptedConnection): ReadonlyArray<string> =>
  received.filter((line) => !/^(HELLO|CLIENT (?:SETINFO|CAPA|MAINT_NOTIFICATIONS)|PING|CLUSTER|ROLE)\b/.test(line))

/** The connections over which a command came. */
export const carrying = (node: ScriptedNode, line: string): ReadonlyArray<ScriptedConnection> =>
  node.connections.filter(({ received }) => received.includes(line))

/** The one connection over which a command came. */
export const carrier = (node: ScriptedNode, line: string): ScriptedConnection => {
  const [connection, ...others] = carrying(node, line)
  if (connection === undefined || others.length > 0) {
    throw new Error(`${node.key} was sent ${line} over ${others.length + (connection ? 1 : 0)} connections`)
  }
  return connection
}

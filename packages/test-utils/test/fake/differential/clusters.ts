/**
 * Lets connections to nodes of a cluster do the same in turn on a real one and on one in memory, with what happens to the cluster
 * in between, and compares all that each of them is sent, step by step.
 */
import { Slot } from "@redisc/core"
import { FakeCluster, RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import type { Node } from "../../../src/internal/clusterNode.ts"
import { show, words } from "../commands/harness.ts"
import { nearest } from "./imitation.ts"
import { Connection } from "./RealServer.ts"

/** The controls that both kinds of cluster have. */
interface Controls {
  readonly command: (node: Node, name: string, args: ReadonlyArray<string | number>) => Effect.Effect<unknown, Failure>
  readonly beginMigration: (slot: number, to: Node) => Effect.Effect<void, Failure>
  readonly failover: (replica: Node) => Effect.Effect<void, Failure>
  readonly migrateKeys: (slot: number, limit: number) => Effect.Effect<number, Failure>
  readonly finishMigration: (slot: number) => Effect.Effect<void, Failure>
}

type Failure = FakeCluster.FakeClusterError | RealCluster.RealClusterError

/** What is done to the cluster itself. The nodes are the owner of the keys, another primary, and the owner's replica. */
export type Event = (controls: Controls, nodes: ReadonlyArray<Node>) => Effect.Effect<unknown, Failure>

/**
 * `"a@0: GET k"`: what the connection `a` says to the first node. Commands with ` ; ` between them are sent in one write. An event
 * has a name.
 */
export type Step = string | readonly [name: string, event: Event]

/** A cluster of two shards with a replica each. The keys of the steps belong to the first. */
export interface Cluster {
  readonly controls: Controls
  readonly nodes: ReadonlyArray<Node>
  /** Waits until all nodes agree again. */
  readonly agree: Effect.Effect<void>
  /** Waits until all has happened that the last step has caused. */
  readonly settle: Effect.Effect<void>
}

const openTo = async ({ address: { host, port } }: Node): Promise<Connection> => {
  const socket = connect(port, host)
  await once(socket, "connect")
  return new Connection(socket, () => Promise.resolve("the connection is closed"))
}

const controlling = (nodes: ReadonlyArray<Node>) =>
  Effect.acquireRelease(
    Effect.promise(() => Promise.all(nodes.map(openTo))),
    (connections) => Effect.sync(() => connections.forEach((connection) => connection.close()))
  )

const shape = { primaries: 2, replicas: 1 }

/** A cluster in memory that listens on ports. */
export const fakeCluster: Effect.Effect<Cluster, FakeCluster.FakeClusterError, Scope.Scope> = Effect.gen(function*() {
  const { service } = yield* FakeCluster.make({ ...shape, version: nearest.name })
  yield* service.listen
  const nodes = (yield* service.nodes).slice(0, 3)
  const connections = yield* controlling(nodes)
  return {
    controls: service,
    nodes,
    agree: Effect.void,
    settle: Effect.promise(async () => {
      for (let round = 0; round < 3; round++) await Promise.all(connections.map((one) => one.send(["PING"])))
    })
  }
})

const field = (info: string, name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1]

/** A real cluster. */
export const realCluster: Effect.Effect<Cluster, RealCluster.RealClusterError, Scope.Scope> = Effect.gen(function*() {
  const service = yield* RealCluster.make({ ...shape, config: { "repl-diskless-sync-delay": "0" } })
  const primaries = yield* service.primaries
  const nodes = [...primaries, ...(yield* service.replicasOf(primaries[0]))]
  const connections = yield* controlling(nodes)
  const offsetOf = async (node: number) =>
    field((await connections[node].send(["INFO", "replication"])).text, "master_repl_offset")
  const settle = async () => {
    for (const connection of connections) for (let round = 0; round < 2; round++) await connection.send(["PING"])
    for (let tries = 0; tries < 500 && (await offsetOf(0)) !== (await offsetOf(2)); tries++) await sleep(10)
    await sleep(5)
  }
  return {
    controls: service,
    nodes,
    agree: Effect.orDie(service.waitUntilStable),
    settle: Effect.promise(settle)
  }
})

/** The slot of a key that the first node has. */
export const slotOf = (key: string): number => Slot.fromKey(key)

/** What is not to be compared: ports. */
const withoutPorts = (text: string, nodes: ReadonlyArray<Node>): string =>
  nodes.reduce(
    (shown, { address }, index) => shown.replaceAll(`${address.host}:${address.port}`, `node ${index}`),
    text
  )

/** Runs the steps, and returns what the connections were sent after each. */
export const run = Effect.fnUntraced(
  function*({ agree, controls, nodes, settle }: Cluster, steps: ReadonlyArray<Step>) {
    const connections = new Map<string, Connection>()
    const told: Array<ReadonlyArray<string>> = []
    for (const step of steps) {
      if (typeof step === "string") {
        const [, name, node, text] = /^(\w+)@(\d): (.*)$/s.exec(step)!
        let connection = connections.get(name)
        if (connection === undefined) {
          connection = yield* Effect.promise(() => openTo(nodes[Number(node)]))
          connections.set(name, connection)
          yield* Effect.promise(() => connections.get(name)!.send(["HELLO", "3"]))
          connection.seen.length = 0
        }
        connection.sendTogether(text.split(" ; ").map(words))
      } else yield* Effect.andThen(step[1](controls, nodes), agree)
      yield* settle
      told.push(
        [...connections].flatMap(([name, { seen }]) =>
          seen.splice(0).map((wire) => `${name}: ${withoutPorts(show(wire), nodes)}`)
        )
      )
    }
    for (const connection of connections.values()) connection.close()
    return told
  }
)

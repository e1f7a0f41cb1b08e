/** Sentinels that say what a test tells them to say, servers without cluster mode, and clients of both. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RedisCluster from "../../src/RedisCluster.ts"
import type * as Resp from "../../src/Resp.ts"
import type * as SlotMap from "../../src/SlotMap.ts"
import * as Topology from "../../src/Topology.ts"
import { address } from "./learning.ts"
import { settle } from "./scenes.ts"
import { Reply, scriptedCluster } from "./ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./ScriptedCluster.ts"
import { confirmation, message } from "./subscribers.ts"

/** A replica as a sentinel describes it: by its key alone, if it is fit. */
export type Replica = string | { readonly key: string; readonly flags?: string; readonly link?: string }

/** What a sentinel knows. With a primary of null it does not know the name. */
export interface Knowledge {
  primary: string | null
  epoch: number
  replicas: ReadonlyArray<Replica>
  sentinels: ReadonlyArray<string>
}

export const primary = Reply.array([Reply.bulk("master"), Reply.integer(0), Reply.array([])])
export const replica = Reply.array([
  Reply.bulk("slave"),
  Reply.bulk("a"),
  Reply.integer(6379),
  Reply.bulk("connected"),
  Reply.integer(0)
])
export const readonly = Reply.error("READONLY You can't write against a read only replica.")
const noSuchName = Reply.error("ERR No such master with that name")

const parts = (key: string): readonly [host: string, port: string] => {
  const { host, port } = address(key) as { readonly host: string; readonly port: number }
  return [host, `${port}`]
}

/** An instance with its fields, as a map, which is flat in RESP2. */
export const instance = (key: string, fields: Readonly<Record<string, string>>): Resp.Reply => {
  const [ip, port] = parts(key)
  return Reply.map(
    Object.entries({ ip, port, ...fields }).map(([name, value]) => [Reply.bulk(name), Reply.bulk(value)] as const)
  )
}

const describe = (each: Replica): Resp.Reply => {
  const { flags = "slave", key, link = "ok" } = typeof each === "string" ? { key: each } : each
  return instance(key, { flags, "master-link-status": link })
}

/** Makes a node a sentinel that watches `mymaster`. What it knows may change. */
export const watches = (node: ScriptedNode, knowledge: Knowledge, name = "mymaster"): ScriptedNode => {
  const known =
    (reply: (knowledge: Knowledge & { readonly primary: string }) => Resp.Reply, otherwise: Resp.Reply) =>
    (args: ReadonlyArray<string>): Resp.Reply => {
      const { primary } = knowledge
      return primary === null || args[1] !== name ? otherwise : reply({ ...knowledge, primary })
    }
  return node
    .on(
      "SENTINEL GET-MASTER-ADDR-BY-NAME",
      known(({ primary }) => Reply.array(parts(primary).map(Reply.bulk)), Reply.null)
    )
    .on(
      "SENTINEL MASTER",
      known(
        ({ epoch, primary }) => instance(primary, { name, flags: "master", "config-epoch": `${epoch}` }),
        noSuchName
      )
    )
    .on("SENTINEL REPLICAS", known(({ replicas }) => Reply.array(replicas.map(describe)), noSuchName))
    .on(
      "SENTINEL SENTINELS",
      known(({ sentinels }) =>
        Reply.array(
          sentinels.filter((key) => key !== node.key).map((key) =>
            instance(key, { flags: "sentinel", runid: `id of ${key}` })
          )
        ), noSuchName)
    )
    .on("SENTINEL MYID", Reply.bulk(`id of ${node.key}`))
    .on(
      "SENTINEL MASTERS",
      () => Reply.array(knowledge.primary === null ? [] : [instance(knowledge.primary, { name })])
    )
    .on("SUBSCRIBE", (names) => names.map((name, i) => confirmation("subscribe", name, i + 1)))
}

/** A server without cluster mode that answers a GET with its key. */
export const serves = (node: ScriptedNode, role: Resp.Reply): ScriptedNode =>
  node.on("ROLE", role).on("GET", Reply.bulk(node.key)).on("SET", Reply.simple("OK"))
    .on("SUBSCRIBE", (names) => names.map((name, i) => confirmation("subscribe", name, i + 1)))

/** Publishes an event at a sentinel. */
export const say = (node: ScriptedNode, channel: string, text: string): void => {
  for (const connection of node.live) {
    if (connection.received.some((line) => line.startsWith("SUBSCRIBE"))) connection.send(message(channel, text))
  }
}

/** Makes a node speak RESP2 only. */
export const inResp2 = (node: ScriptedNode): ScriptedNode =>
  node.on("HELLO", Reply.error("ERR unknown command 'HELLO'")).on("CLIENT ID", Reply.integer(7))

/** How many times sentinels were asked for the primary. */
export const questions = (...nodes: ReadonlyArray<ScriptedNode>): number =>
  nodes.reduce((sum, node) => sum + node.count("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"), 0)

/** Three sentinels that know a primary, its replica, and each other; each has its own copy of that knowledge. */
export const group = () => {
  const cluster: ScriptedCluster = scriptedCluster([])
  const keys = ["s1:26379", "s2:26379", "s3:26379"]
  const sentinels = keys.map((key) => cluster.node(key))
  const knowledge = sentinels.map((node) => {
    const own: Knowledge = { primary: "a:6379", epoch: 1, replicas: ["b:6379"], sentinels: keys }
    watches(node, own)
    return own
  })
  const a = serves(cluster.node("a:6379"), primary)
  const b = serves(cluster.node("b:6379"), replica)
  /** All sentinels know of a new primary, in a newer epoch. */
  const elect = (key: string, replicas: ReadonlyArray<Replica> = []): void => {
    for (const own of knowledge) Object.assign(own, { primary: key, epoch: own.epoch + 1, replicas })
  }
  /** The replica takes over: it says so, all sentinels know it, and perhaps tell. */
  const failOver = (): void => {
    a.on("ROLE", replica)
    b.on("ROLE", primary)
    elect("b:6379", ["a:6379"])
  }
  const switched = (...by: ReadonlyArray<ScriptedNode>): void => {
    for (const node of by) say(node, "+switch-master", "mymaster a 6379 b 6379")
  }
  return { cluster, sentinels, knowledge, a, b, elect, failOver, switched }
}

export type Group = ReturnType<typeof group>

export interface ClientOptions extends RedisCluster.SourceOptions {
  readonly source?: Partial<Topology.SentinelOptions>
  readonly given?: ReadonlyArray<string>
}

/** A client of a group, by sentinels that are given: the first alone, unless the options say otherwise. */
export const layerOf = ({ given = ["s1:26379"], source, ...settings }: ClientOptions = {}) =>
  RedisCluster.layerFromSource(
    Topology.sentinel({ name: "mymaster", sentinels: given.map(address), ...source }),
    settings
  )

export const clientOf = Effect.fnUntraced(function*(cluster: ScriptedCluster, options?: ClientOptions) {
  const context = yield* cluster.provide(Layer.build(layerOf(options)))
  yield* settle
  const run = <A, E>(effect: Effect.Effect<A, E, RedisCluster.Services>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, context)
  const map: Effect.Effect<SlotMap.SlotMap> = run(Effect.flatMap(Topology.Topology, ({ current }) => current))
  const primaryKey = Effect.map(map, ({ shards }) => shards[0].primary?.address.key)
  const replicaKeys = Effect.map(map, ({ shards }) => shards[0].replicas.map(({ address }) => address.key))
  const refresh = run(Effect.flatMap(Topology.Topology, (topology) => topology.refresh))
  return { run, map, primaryKey, replicaKeys, refresh }
})

/** Why a client can't begin: what was wanted, and the message. */
export const failureOf = (cluster: ScriptedCluster, options?: ClientOptions) =>
  cluster.provide(Effect.gen(function*() {
    const { message, reason } = yield* Effect.flip(Effect.scoped(Layer.build(layerOf(options))))
    return { message, wanted: reason._tag === "DiscoveryFailed" ? reason.wanted : reason._tag }
  }))

import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Cluster from "../../src/commands/cluster.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const a = "a".repeat(40)
const b = "b".repeat(40)
const map = (...entries: Array<[Resp.Value, Resp.Value]>): Resp.Value => new Map(entries)

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [Cluster.clusterCountkeysinslot(5474), ["CLUSTER COUNTKEYSINSLOT", "5474"]],
  [Cluster.clusterGetkeysinslot(5474, 10), ["CLUSTER GETKEYSINSLOT", "5474", "10"]],
  [Cluster.clusterInfo(), ["CLUSTER INFO"]],
  [Cluster.clusterKeyslot("k"), ["CLUSTER KEYSLOT", "k"]],
  [Cluster.clusterLinks(), ["CLUSTER LINKS"]],
  [Cluster.clusterMyid(), ["CLUSTER MYID"]],
  [Cluster.clusterNodes(), ["CLUSTER NODES"]],
  [Cluster.clusterReplicas(a), ["CLUSTER REPLICAS", a]],
  [Cluster.clusterShards(), ["CLUSTER SHARDS"]],
  [Cluster.clusterSlots(), ["CLUSTER SLOTS"]]
]

const refused: ReadonlyArray<readonly [Command.Any, string]> = [
  [
    Cluster.clusterCountkeysinslot(0.5),
    "the slot has to be a whole number within 2^53"
  ],
  [
    Cluster.clusterGetkeysinslot(1, Infinity),
    "the count has to be a whole number within 2^53"
  ]
]

const link = {
  direction: "to",
  node: a,
  createTime: 1700000000000,
  events: "rw",
  sendBufferAllocated: 4512,
  sendBufferUsed: 0
}

const linkEntries: Array<[Resp.Value, Resp.Value]> = [
  ["direction", "to"],
  ["node", a],
  ["create-time", 1700000000000],
  ["events", "rw"],
  ["send-buffer-allocated", 4512],
  ["send-buffer-used", 0]
]

const nodeLine =
  `${a} 10.0.0.1:7000@17000 myself,master - 0 1700000000000 3 connected 0-5460 5462 [5461->-${b}] [7-<-${b}]`
const replicaLine = `${b} fe80::1:7001@17001,host.example,shard-id=${a} slave,fail? ${a} 5 6 3 disconnected`

const node: Cluster.ClusterNode = {
  id: a,
  host: "10.0.0.1",
  port: 7000,
  busPort: 17000,
  hostname: null,
  flags: ["myself", "master"],
  primary: null,
  pingSent: 0,
  pongReceived: 1700000000000,
  configEpoch: 3,
  connected: true,
  slots: [{ start: 0, end: 5460 }, { start: 5462, end: 5462 }],
  migrating: [{ slot: 5461, node: b }],
  importing: [{ slot: 7, node: b }]
}

const replica: Cluster.ClusterNode = {
  id: b,
  host: "fe80::1",
  port: 7001,
  busPort: 17001,
  hostname: "host.example",
  flags: ["slave", "fail?"],
  primary: a,
  pingSent: 5,
  pongReceived: 6,
  configEpoch: 3,
  connected: false,
  slots: [],
  migrating: [],
  importing: []
}

const shards: ReadonlyArray<Cluster.ClusterShard> = [{
  slots: [{ start: 0, end: 5460 }, { start: 6000, end: 6000 }],
  nodes: [
    {
      id: a,
      endpoint: "host.example",
      ip: "10.0.0.1",
      hostname: "host.example",
      port: 7000,
      tlsPort: null,
      role: "primary",
      replicationOffset: 72,
      health: "online"
    },
    {
      id: b,
      endpoint: null,
      ip: "10.0.0.2",
      hostname: null,
      port: null,
      tlsPort: 7001,
      role: "replica",
      replicationOffset: 70,
      health: "failed"
    }
  ]
}, { slots: [], nodes: [] }]

const shardNodeA: Array<[Resp.Value, Resp.Value]> = [
  ["id", a],
  ["port", 7000],
  ["ip", "10.0.0.1"],
  ["endpoint", "host.example"],
  ["hostname", "host.example"],
  ["role", "master"],
  ["replication-offset", 72],
  ["health", "online"]
]

const shardNodeB: Array<[Resp.Value, Resp.Value]> = [
  ["id", b],
  ["tls-port", 7001],
  ["ip", "10.0.0.2"],
  ["endpoint", null],
  ["role", "replica"],
  ["replication-offset", 70],
  ["health", "fail"]
]

const slots: ReadonlyArray<Cluster.ClusterSlots> = [{
  start: 0,
  end: 5460,
  primary: { endpoint: "10.0.0.1", port: 7000, id: a, metadata: {} },
  replicas: [{ endpoint: null, port: 7001, id: b, metadata: { hostname: "host.example" } }]
}]

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [Cluster.clusterGetkeysinslot(1, 10), ["a"], ["a"]],
  [Cluster.clusterKeyslot("k"), 12, 12],
  [Cluster.clusterMyid(), a, a],
  [
    Cluster.clusterInfo(),
    "cluster_state:ok\r\ncluster_size:3\r\n",
    { "cluster_state": "ok", "cluster_size": "3" }
  ],
  [Cluster.clusterLinks(), [linkEntries.flat()], [link]],
  [Cluster.clusterLinks(), [map(...linkEntries)], [link]],
  [Cluster.clusterLinks(), [], []],
  [Cluster.clusterNodes(), `${nodeLine}\n${replicaLine}\n`, [node, replica]],
  [Cluster.clusterNodes(), new TextEncoder().encode(`${nodeLine}\n`), [node]],
  [Cluster.clusterReplicas(a), [replicaLine], [replica]],
  [Cluster.clusterReplicas(a), [], []],
  [
    Cluster.clusterShards(),
    [
      ["slots", [0, 5460, 6000, 6000], "nodes", [shardNodeA.flat(), shardNodeB.flat()]],
      ["slots", [], "nodes", []]
    ],
    shards
  ],
  [
    Cluster.clusterShards(),
    [
      map(["slots", [0, 5460, 6000, 6000]], ["nodes", [map(...shardNodeA), map(...shardNodeB)]]),
      map(["slots", []], ["nodes", []])
    ],
    shards
  ],
  [
    Cluster.clusterSlots(),
    [[0, 5460, ["10.0.0.1", 7000, a, []], [null, 7001, b, ["hostname", "host.example"]]]],
    slots
  ],
  [
    Cluster.clusterSlots(),
    [[0, 5460, ["10.0.0.1", 7000, a], [null, 7001, b, map(["hostname", "host.example"])]]],
    slots
  ]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [Cluster.clusterInfo(), null],
  [Cluster.clusterLinks(), [linkEntries.slice(1).flat()]],
  [Cluster.clusterLinks(), [["direction", "up"]]],
  [Cluster.clusterNodes(), "hello\n"],
  [Cluster.clusterNodes(), nodeLine.replace("@17000", "")],
  [Cluster.clusterNodes(), nodeLine.replace("0-5460", "0-x")],
  [Cluster.clusterReplicas(a), replicaLine],
  [Cluster.clusterShards(), [["nodes", []]]],
  [Cluster.clusterShards(), [["slots", [0], "nodes", []]]],
  [Cluster.clusterShards(), [["slots", [], "nodes", [[...shardNodeA.flat(), "role", "sentinel"]]]]],
  [Cluster.clusterShards(), [["slots", [], "nodes", [[...shardNodeA.flat(), "health", "fine"]]]]],
  [Cluster.clusterSlots(), [[0, 5460]]],
  [Cluster.clusterSlots(), [[0, 5460, ["10.0.0.1", 7000]]]],
  [Cluster.clusterSlots(), ["0"]]
]

/** Records have no prototype, which strict equality would hold against them. */
const plain = (value: unknown): unknown => structuredClone(value)

describe("commands/cluster", () => {
  it.each(sent)("sends %j as %j", (command, args) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual([command.spec.name, ...command.args], args)
  })

  it.each(refused)("refuses %j: %s", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each(decoded)("%j decodes %j", (command, reply, expected) => {
    assert.deepStrictEqual(plain(command.decode(reply)), expected)
  })

  it.each(mismatched)("%j does not take %o for a reply", (command, reply) => {
    assert.throws(() => command.decode(reply), Mismatch as unknown as new() => Error)
  })

  it("types say what is replied", () => {
    expectTypeOf(Cluster.clusterInfo()).toEqualTypeOf<Command.Command<Record<string, string>>>()
    expectTypeOf(Cluster.clusterNodes()).toEqualTypeOf<Command.Command<ReadonlyArray<Cluster.ClusterNode>>>()
    expectTypeOf(Cluster.clusterShards()).toEqualTypeOf<Command.Command<ReadonlyArray<Cluster.ClusterShard>>>()
    expectTypeOf(Cluster.clusterSlots()).toEqualTypeOf<Command.Command<ReadonlyArray<Cluster.ClusterSlots>>>()
    expectTypeOf(Command.bytes(Cluster.clusterGetkeysinslot(1, 1))).toEqualTypeOf<
      Command.Command<ReadonlyArray<Uint8Array>>
    >()
  })
})

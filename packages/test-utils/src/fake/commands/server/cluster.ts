/**
 * CLUSTER: the subcommands that only read. Those that change something are in `clusterAdmin.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import * as Slot from "@redisc/core/Slot"
import type { FakeNode } from "../../cluster/node.ts"
import { slotOf } from "../../data/keyspace.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import * as ClusterState from "../../topology/clusterState.ts"
import { integer as readInteger } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, bulk, integer, map, verbatim } = Resp.Reply

const self = ({ node }: Invocation): FakeNode => node as FakeNode

const memberOf = (node: FakeNode, id: string): ClusterState.Member => {
  const member = node.view.members.get(id)
  if (member === undefined) throw new CommandError(`ERR Unknown node ${id}`)
  return member
}

/** What a reply says of the zone of a node: nothing if it has none. */
const zoneOf = (node: FakeNode | undefined): ReadonlyArray<readonly [Resp.Reply, Resp.Reply]> =>
  node?.zone ? [[bulk("availability-zone"), bulk(node.zone)]] : []

const slotsEntry = (node: FakeNode, id: string): Resp.Reply => {
  const other = node.world.byId.get(id)
  return array([bulk(other?.host ?? ""), integer(other?.port ?? 0), bulk(id), map(zoneOf(other))])
}

const replicaIndex = (view: ClusterState.View): ReadonlyMap<string, ReadonlyArray<ClusterState.Member>> => {
  const index = new Map<string, Array<ClusterState.Member>>()
  for (const member of view.members.values()) {
    if (member.primary === undefined) continue
    const known = index.get(member.primary)
    if (known === undefined) index.set(member.primary, [member])
    else known.push(member)
  }
  return index
}

const rangesByOwner = (view: ClusterState.View): ReadonlyMap<string, ReadonlyArray<ClusterState.Range>> => {
  const owned = new Map<string, Array<ClusterState.Range>>()
  for (const range of ClusterState.ranges(view)) {
    const known = owned.get(range.owner)
    if (known === undefined) owned.set(range.owner, [range])
    else known.push(range)
  }
  return owned
}

/** Without those whose address another one has, too. They stand behind one endpoint. */
const distinct = (
  node: FakeNode,
  members: ReadonlyArray<ClusterState.Member>
): ReadonlyArray<ClusterState.Member> => {
  const seen = new Set<string>()
  return members.filter(({ id }) => {
    const { host, port } = node.world.byId.get(id) ?? { host: id, port: 0 }
    const isNew = !seen.has(`${host}:${port}`)
    seen.add(`${host}:${port}`)
    return isNew
  })
}

const slots = (invocation: Invocation): Resp.Reply => {
  const node = self(invocation)
  const replicas = replicaIndex(node.view)
  return array(
    ClusterState.ranges(node.view).map(({ first, last, owner }) =>
      array([
        integer(first),
        integer(last),
        slotsEntry(node, owner),
        ...distinct(node, (replicas.get(owner) ?? []).filter(({ health }) => health !== "failed")).map(({ id }) =>
          slotsEntry(node, id)
        )
      ])
    )
  )
}

const healthNames = { online: "online", suspect: "online", failed: "fail" } as const

const shardNode = (node: FakeNode, member: ClusterState.Member): Resp.Reply => {
  const other = node.world.byId.get(member.id)
  const host = bulk(other?.host ?? "")
  return map([
    [bulk("id"), bulk(member.id)],
    [bulk(node.world.settings.profile.secure ? "tls-port" : "port"), integer(other?.port ?? 0)],
    [bulk("ip"), host],
    [bulk("endpoint"), host],
    [bulk("role"), bulk(member.primary === undefined ? "master" : "replica")],
    [bulk("replication-offset"), integer(other === undefined ? 0 : node.world.offsetOf(other))],
    [bulk("health"), bulk(healthNames[member.health])],
    ...zoneOf(other)
  ])
}

const shards = (invocation: Invocation): Resp.Reply => {
  const node = self(invocation)
  const replicas = replicaIndex(node.view)
  const owned = rangesByOwner(node.view)
  const primaries = [...node.view.members.values()].filter(({ primary }) => primary === undefined)
  return array(primaries.map((primary) =>
    map([
      [
        bulk("slots"),
        array((owned.get(primary.id) ?? []).flatMap(({ first, last }) => [integer(first), integer(last)]))
      ],
      [
        bulk("nodes"),
        array(
          distinct(node, [primary, ...replicas.get(primary.id) ?? []]).map((member) => shardNode(node, member))
        )
      ]
    ])
  ))
}

const flagsOf = (node: FakeNode, member: ClusterState.Member): string =>
  [
    ...(member.id === node.id ? ["myself"] : []),
    member.primary === undefined ? "master" : "slave",
    ...(member.health === "failed" ? ["fail"] : member.health === "suspect" ? ["fail?"] : [])
  ].join(",")

const nodeLine = (
  node: FakeNode,
  member: ClusterState.Member,
  owned: ReadonlyMap<string, ReadonlyArray<ClusterState.Range>>
): string => {
  const other = node.world.byId.get(member.id)
  const primary = member.primary === undefined ? undefined : node.view.members.get(member.primary)
  const linked = other === node || (other !== undefined && node.world.reaches(node, other))
  const slotTexts = (owned.get(member.id) ?? []).map(({ first, last }) =>
    first === last ? `${first}` : `${first}-${last}`
  )
  if (other === node) {
    for (const [slot, to] of node.migrating) slotTexts.push(`[${slot}->-${to}]`)
    for (const [slot, from] of node.importing) slotTexts.push(`[${slot}-<-${from}]`)
  }
  const port = other?.port ?? 0
  return [
    member.id,
    `${other?.host ?? ""}:${port}@${port + 10000}`,
    flagsOf(node, member),
    member.primary ?? "-",
    "0",
    other === node ? "0" : String(node.world.now()),
    String((primary ?? member).epoch),
    linked ? "connected" : "disconnected",
    ...slotTexts
  ].join(" ")
}

const nodeLines = (node: FakeNode, members: Iterable<ClusterState.Member>): ReadonlyArray<string> => {
  const owned = rangesByOwner(node.view)
  return Array.from(members, (member) => nodeLine(node, member, owned))
}

const info = (invocation: Invocation): Resp.Reply => {
  const node = self(invocation)
  const { assigned, failed, size, suspect } = ClusterState.summarize(node.view)
  const own = memberOf(node, node.id)
  const epoch = own.primary === undefined ? own.epoch : node.view.members.get(own.primary)?.epoch ?? own.epoch
  return verbatim(
    "txt",
    [
      `cluster_state:${node.clusterOk ? "ok" : "fail"}`,
      `cluster_slots_assigned:${assigned}`,
      `cluster_slots_ok:${assigned - failed - suspect}`,
      `cluster_slots_pfail:${suspect}`,
      `cluster_slots_fail:${failed}`,
      `cluster_known_nodes:${node.view.members.size}`,
      `cluster_size:${size}`,
      `cluster_current_epoch:${node.view.epoch}`,
      `cluster_my_epoch:${epoch}`,
      "cluster_stats_messages_sent:0",
      "cluster_stats_messages_received:0",
      "total_cluster_links_buffer_limit_exceeded:0",
      ""
    ].join("\r\n")
  )
}

const slotNumber = (arg: Bin, problem: string): number => {
  const slot = readInteger(arg)
  if (slot < 0 || slot >= Slot.count) throw new CommandError(problem)
  return slot
}

const replicas = (invocation: Invocation): Resp.Reply => {
  const node = self(invocation)
  const primary = memberOf(node, invocation.args[0])
  if (primary.primary !== undefined) throw new CommandError("ERR The specified node is not a master")
  return array(nodeLines(node, ClusterState.replicasOf(node.view, primary.id)).map((line) => bulk(line)))
}

const links = (invocation: Invocation): Resp.Reply => {
  const node = self(invocation)
  return array(
    node.peers().flatMap((peer) =>
      ["to", "from"].map((direction) =>
        map([
          [bulk("direction"), bulk(direction)],
          [bulk("node"), bulk(peer.id)],
          [bulk("create-time"), integer(Math.max(node.startedAt, peer.startedAt))],
          [bulk("events"), bulk(direction === "to" ? "rw" : "r")],
          [bulk("send-buffer-allocated"), integer(0)],
          [bulk("send-buffer-used"), integer(0)]
        ])
      )
    )
  )
}

export const cluster: Group = {
  "CLUSTER SLOTS": { arity: 2, run: slots },
  "CLUSTER SHARDS": { arity: 2, run: shards },
  "CLUSTER NODES": {
    arity: 2,
    run: (invocation) => {
      const node = self(invocation)
      return verbatim("txt", `${nodeLines(node, node.view.members.values()).join("\n")}\n`)
    }
  },
  "CLUSTER INFO": { arity: 2, run: info },
  "CLUSTER MYID": { arity: 2, run: ({ node }) => bulk(node.id) },
  "CLUSTER MYSHARDID": { arity: 2, since: 7.2, run: ({ node }) => bulk((node as FakeNode).shardId) },
  "CLUSTER LINKS": { arity: 2, run: links },
  "CLUSTER KEYSLOT": { arity: 3, run: ({ args }) => integer(slotOf(args[0])) },
  "CLUSTER COUNTKEYSINSLOT": {
    arity: 3,
    run: ({ args, keys }) => integer(keys.slotSize(slotNumber(args[0], "ERR Invalid slot")))
  },
  "CLUSTER GETKEYSINSLOT": {
    arity: 4,
    run: ({ args, keys }) => {
      const problem = "ERR Invalid slot or number of keys"
      const slot = slotNumber(args[0], problem)
      const count = readInteger(args[1])
      if (count < 0) throw new CommandError(problem)
      return array(keys.slotKeys(slot).slice(0, count).map((key) => bulk(key)))
    }
  },
  "CLUSTER REPLICAS": { arity: 3, run: replicas },
  "CLUSTER SLAVES": { arity: 3, run: replicas },
  "CLUSTER COUNT-FAILURE-REPORTS": {
    arity: 3,
    run: (invocation) => {
      const node = self(invocation)
      const { health } = memberOf(node, invocation.args[0])
      return integer(health === "failed" ? Math.floor(ClusterState.summarize(node.view).size / 2) + 1 : 0)
    }
  }
}

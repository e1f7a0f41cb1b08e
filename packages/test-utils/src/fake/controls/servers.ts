/**
 * The roles of servers without cluster mode, as plain functions that throw a `FakeClusterError` for invalid arguments.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import type { ServerState } from "../../internal/clusterNode.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import { addMember } from "../cluster/populate.ts"
import { changeRoles, promote } from "../cluster/replication.ts"
import * as Checks from "../input/checks.ts"
import { fail } from "../input/checks.ts"
import { emptyView } from "../topology/clusterState.ts"
import { find, running } from "./find.ts"
import type { NodeRef } from "./find.ts"

/** The state of a node. */
export const stateOf = (node: FakeNode): ServerState => {
  const { host, name, port, primaryAddress: copied, process } = node
  return {
    name,
    address: Address.tcp(host, port),
    process,
    role: process !== "running" ? undefined : copied === undefined ? "primary" : "replica",
    primary: copied === undefined ? undefined : Address.tcp(copied.host, copied.port).key,
    isLinked: node.isLinked
  }
}

/** The running primary; the first one if there are several. */
export const primaryOf = (world: FakeWorld): FakeNode =>
  [...world.nodes.values()].find((node) => !node.isSentinel && !node.isReplica && node.process === "running") ??
    fail("no primary is running")

/** Makes a replica the primary, and lets the others follow it. */
export const failover = (world: FakeWorld, ref: NodeRef, mode: "default" | "force"): void => {
  const node = running(world, ref)
  Checks.oneOf("mode", mode, ["default", "force"])
  if (!node.isReplica) fail(`${node.name} is a primary: name the replica that takes its place`)
  if (mode === "default" && !node.isLinked) {
    fail(`${node.name} does not hear its primary, ${node.primary?.name ?? "which nobody knows"}: use force`)
  }
  promote(world, node)
}

/** Adds a replica of a node. */
export const addReplica = (world: FakeWorld, index: number, of: NodeRef | undefined): FakeNode => {
  const primary = of === undefined ? primaryOf(world) : find(world, of)
  const added = addMember(world, index, emptyView([]))
  changeRoles(world, new Map([[added, primary]]))
  return added
}

/** The nodes and whom they copy, one line per node. */
export const describe = (world: FakeWorld): string =>
  Array.from(world.nodes.values(), (node) => {
    const { primaryAddress: address } = node
    const name = node.primary?.name ?? `${address?.host}:${address?.port}`
    return [
      node.name,
      `${node.host}:${node.port}`,
      node.process,
      address === undefined ? "primary" : `replica of ${name}${node.isLinked ? "" : ", not linked"}`,
      ...node.data.used.filter(({ size }) => size > 0).map(({ database, size }) => `db${database}: ${size} keys`)
    ].join("  ")
  }).join("\n")

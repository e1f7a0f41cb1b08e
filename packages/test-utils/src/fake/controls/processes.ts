/**
 * Processes, the network between them, and what they say unasked, as plain functions that throw a `FakeClusterError` for invalid
 * arguments.
 *
 * @since 0.1.0
 */
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import type { Bin } from "../definitions/handler.ts"
import { fail, shown } from "../input/checks.ts"
import { find, running } from "./find.ts"
import type { NodeRef } from "./find.ts"

export const kill = (world: FakeWorld, ref: NodeRef): void => {
  const node = find(world, ref)
  if (node.process === "stopped") return
  node.kill()
  world.bond.broken()
}

export const pause = (world: FakeWorld, ref: NodeRef): void => {
  const node = running(world, ref)
  node.process = "paused"
  node.silentSince = world.now()
  world.bond.broken()
}

export const resume = (world: FakeWorld, ref: NodeRef): void => {
  const node = find(world, ref)
  if (node.process !== "paused") fail(`${node.name} is ${node.process}, so it can't be resumed`)
  node.process = "running"
  node.silentSince = Infinity
  world.bond.mended()
  world.resumeTraffic()
}

export const restart = (world: FakeWorld, ref: NodeRef): void => {
  const node = find(world, ref)
  if (node.process !== "stopped") node.kill()
  node.start()
  world.bond.mended()
  world.resumeTraffic()
}

const side = (world: FakeWorld, ref: NodeRef | "client"): string => ref === "client" ? ref : find(world, ref).name

export const partition = (world: FakeWorld, a: NodeRef | "client", b: NodeRef | "client"): void => {
  const [left, right] = [side(world, a), side(world, b)]
  if (left === right) fail(`${left} can't be cut off from itself`)
  world.cut(left, right)
  world.bond.broken()
}

/** Mends one cut, all cuts of one node or of the clients, or all cuts. */
export const heal = (world: FakeWorld, a?: NodeRef | "client", b?: NodeRef | "client"): void => {
  if (a === undefined) world.mendAll()
  else {
    const left = side(world, a)
    const others = b === undefined ? ["client", ...world.nodes.keys()] : [side(world, b)]
    for (const right of others) world.mend(left, right)
  }
  world.bond.mended()
  world.resumeTraffic()
}

/** Lets a node send something unasked, and returns on how many connections it did. */
export const say = (node: FakeNode, saying: (protocol: 2 | 3) => Bin, connection: number | undefined): number => {
  const open = [...node.sessions]
  const meant = connection === undefined ? open : open.filter(({ id }) => id === connection)
  if (connection !== undefined && meant.length === 0) {
    const ids = open.map(({ id }) => id).join(", ")
    fail(`${node.name} has no connection ${shown(connection)}: ${ids === "" ? "it has none" : `its are ${ids}`}`)
  }
  for (const session of meant) session.say(saying(session.protocol))
  return meant.length
}

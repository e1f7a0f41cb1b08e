/**
 * What the nodes of Redis Cloud and Redis Software announce to the clients that ask for it, and the hand-offs that follow.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import * as Checks from "../input/checks.ts"
import { encode } from "../session/wire.ts"

/**
 * The elements of an announcement: its kind, such as `MIGRATING`, and what follows. Arrays may be nested.
 *
 * @category models
 * @since 0.1.0
 */
export type Announcement = ReadonlyArray<string | number | null | Announcement>

const replyOf = (item: Announcement[number]): Resp.Reply => {
  if (item === null) return Resp.Reply.null
  if (typeof item === "number") return Resp.Reply.integer(item)
  return typeof item === "string" ? Resp.Reply.bulk(item) : Resp.Reply.array(item.map(replyOf))
}

/** Sends a push to the clients that have asked for announcements, and returns their number. */
export const announce = (node: FakeNode, announcement: Announcement): number => {
  const push = Resp.Reply.push(Checks.list("the announcement", announcement).map(replyOf))
  const asked = [...node.sessions].filter(({ announcesTo }) => announcesTo !== undefined)
  for (const session of asked) session.say(encode(push, 3, node.version))
  return asked.length
}

/** Announces to all nodes' clients. */
export const announceAll = (world: FakeWorld, announcement: Announcement): void => {
  for (const node of world.nodes.values()) announce(node, announcement)
}

/** Slots that have moved from a node to another. */
export interface Moved {
  readonly from: FakeNode
  readonly to: FakeNode
  readonly slots: ReadonlyArray<number>
}

/** Slots as text: single ones and ranges. */
const textOf = (slots: ReadonlyArray<number>): string => {
  const parts: Array<[number, number]> = []
  for (const slot of slots.toSorted((a, b) => a - b)) {
    const last = parts.at(-1)
    if (last !== undefined && last[1] === slot - 1) last[1] = slot
    else parts.push([slot, slot])
  }
  return parts.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(",")
}

const endpointOf = ({ host, port }: FakeNode): string => `${host}:${port}`

/** Announces that slots have moved. */
export const announceSlots = (world: FakeWorld, moved: ReadonlyArray<Moved>): void => {
  const triplets = moved.map(({ from, slots, to }) => [endpointOf(from), endpointOf(to), textOf(slots)])
  announceAll(world, ["SMIGRATED", ++world.announcements, triplets])
}

/**
 * Gives a node another address, and announces it to its clients. After the time the old address leads nowhere, and its connections
 * end.
 */
export const moveEndpoint = (
  world: FakeWorld,
  node: FakeNode,
  to: { readonly host: string; readonly port: number },
  { millis, named }: { readonly millis: number; readonly named: boolean }
): void => {
  const taken = world.at(to.host, to.port)
  if (taken !== undefined && taken !== node) Checks.fail(`${to.host}:${to.port} is the address of ${taken.name}`)
  const old = endpointOf(node)
  const connected = [...node.sessions]
  node.host = to.host
  node.port = to.port
  node.former.add(old)
  node.former.add(node.home)
  const home = endpointOf(node)
  node.former.delete(home)
  announce(node, ["MOVING", ++world.announcements, Math.ceil(millis / 1000), named ? home : null])
  world.timers.after(millis, () => {
    node.former.delete(old)
    node.former.delete(node.home)
    node.home = home
    for (const session of connected) session.drop("the endpoint has moved elsewhere")
  })
}

/**
 * Keyspace notifications: reads the setting `notify-keyspace-events`, and publishes changes accordingly.
 *
 * Source: the server's notify.c; https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/
 *
 * @since 0.1.0
 */
import type { EventKind } from "../data/keyspace.ts"
import type { Bin, Node } from "../definitions/handler.ts"
import { deliver } from "./pubsub.ts"

/** The contents of the setting. */
export interface Flags {
  /** Publish by key: the event, to `__keyspace@<database>__:<key>`. */
  readonly byKey: boolean
  /** Publish by event: the key, to `__keyevent@<database>__:<event>`. */
  readonly byEvent: boolean
  readonly kinds: ReadonlySet<EventKind>
}

/** The kinds that `A` stands for, in the order in which the server prints them. */
const all: ReadonlyArray<EventKind> = ["g", "$", "l", "s", "h", "z", "x", "e", "t", "d"]
const others: ReadonlyArray<EventKind> = ["n", "m"]
const known: ReadonlySet<string> = new Set([...all, ...others])

const isKind = (letter: string): letter is EventKind => known.has(letter)

/** The error of CONFIG SET for an unknown letter. */
export const invalid = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."

/** Reads the setting; undefined if it has an unknown letter. */
export const parse = (setting: Bin): Flags | undefined => {
  const kinds = new Set<EventKind>()
  let byKey = false
  let byEvent = false
  for (const letter of setting) {
    if (letter === "A") { for (const kind of all) kinds.add(kind) }
    else if (letter === "K") byKey = true
    else if (letter === "E") byEvent = true
    else if (isKind(letter)) kinds.add(letter)
    else return undefined
  }
  return { byKey, byEvent, kinds }
}

/** The setting as CONFIG GET returns it. Like the server, it drops the `n` beside an `A`. */
export const print = ({ byEvent, byKey, kinds }: Flags): Bin => {
  const classes = all.every((kind) => kinds.has(kind))
    ? "A"
    : [...all, "n" as const].filter((kind) => kinds.has(kind)).join("")
  return `${classes}${byKey ? "K" : ""}${byEvent ? "E" : ""}${kinds.has("m") ? "m" : ""}`
}

const silent: Flags = { byKey: false, byEvent: false, kinds: new Set() }
const read = new Map<Bin, Flags>()

const flagsOf = (node: Node): Flags => {
  const setting = node.config.get("notify-keyspace-events") ?? ""
  if (setting === "") return silent
  let flags = read.get(setting)
  if (flags === undefined) read.set(setting, flags = parse(setting) ?? silent)
  return flags
}

/** Whether the node's subscribers may receive notifications, so that its keys have to expire on time. */
export const isOn = (node: Node): boolean => {
  const { byEvent, byKey, kinds } = flagsOf(node)
  return (byKey || byEvent) && kinds.size > 0
}

/**
 * Publishes one change to the subscribers of the node where it happened, and only there.
 *
 * A replica publishes the commands from its primary: for an expired key, that it was deleted, not that it expired.
 */
export const notify = (node: Node, key: Bin, event: string, kind: EventKind, database: number): void => {
  const flags = flagsOf(node)
  if (flags === silent) return
  if (!node.isReplica) publish(node, flags, key, event, kind, database)
  else if (kind === "x") publish(node, flags, key, "del", "g", database)
  else if (kind !== "m") publish(node, flags, key, event, kind, database)
}

const publish = (
  node: Node,
  { byEvent, byKey, kinds }: Flags,
  key: Bin,
  event: string,
  kind: EventKind,
  database: number
): void => {
  if (!kinds.has(kind)) return
  if (byKey) deliver(node, `__keyspace@${database}__:${key}`, event)
  if (byEvent) deliver(node, `__keyevent@${database}__:${event}`, key)
}

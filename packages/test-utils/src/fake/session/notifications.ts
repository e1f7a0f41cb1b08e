/**
 * Keyspace notifications: what `notify-keyspace-events` says, and publishing a change as it says.
 *
 * Source: the server's notify.c; https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/
 *
 * @since 0.1.0
 */
import type { EventKind } from "../data/keyspace.ts"
import type { Bin, Node } from "../definitions/handler.ts"
import { deliver } from "./pubsub.ts"

/** What is published, read from the setting. */
export interface Flags {
  /** By key: `__keyspace@0__:<key>` tells the event. */
  readonly byKey: boolean
  /** By event: `__keyevent@0__:<event>` tells the key. */
  readonly byEvent: boolean
  readonly kinds: ReadonlySet<EventKind>
}

/** Those that `A` stands for, in the order in which the server prints them. */
const all: ReadonlyArray<EventKind> = ["g", "$", "l", "s", "h", "z", "x", "e", "t", "d"]
const others: ReadonlyArray<EventKind> = ["n", "m"]
const known: ReadonlySet<string> = new Set([...all, ...others])

const isKind = (letter: string): letter is EventKind => known.has(letter)

/** What CONFIG SET says about a setting with a letter that there is not. */
export const invalid = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."

/** Reads the setting. Undefined: it has a letter that there is not. */
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

/** The setting as CONFIG GET answers it. Like the server, it forgets the `n` beside an `A`. */
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

/** Whether subscribers of the node may hear of changes, so that its keys have to expire on time. */
export const isOn = (node: Node): boolean => {
  const { byEvent, byKey, kinds } = flagsOf(node)
  return (byKey || byEvent) && kinds.size > 0
}

/**
 * Publishes one change to the subscribers of the node where it happened, and to no other.
 *
 * A replica publishes what it is sent by its primary: not that a key has expired, but that it is deleted for that.
 */
export const notify = (node: Node, key: Bin, event: string, kind: EventKind): void => {
  const flags = flagsOf(node)
  if (flags === silent) return
  if (!node.isReplica) publish(node, flags, key, event, kind)
  else if (kind === "x") publish(node, flags, key, "del", "g")
  else if (kind !== "m") publish(node, flags, key, event, kind)
}

const publish = (node: Node, { byEvent, byKey, kinds }: Flags, key: Bin, event: string, kind: EventKind): void => {
  if (!kinds.has(kind)) return
  if (byKey) deliver(node, `__keyspace@0__:${key}`, event)
  if (byEvent) deliver(node, `__keyevent@0__:${event}`, key)
}

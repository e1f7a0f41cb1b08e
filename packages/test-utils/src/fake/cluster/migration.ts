/**
 * Moves keys and slots between nodes.
 *
 * @since 0.1.0
 */
import type { Keyspace } from "../data/keyspace.ts"
import { copyValue } from "../data/value.ts"
import type { Bin } from "../definitions/handler.ts"
import * as ClusterState from "../topology/clusterState.ts"
import * as Bus from "./bus.ts"
import type { FakeNode } from "./node.ts"

/** Moves a key with its time to live, and returns whether the key existed. */
export const moveKey = (from: Keyspace, to: Keyspace, key: Bin, copy: boolean): boolean => {
  const value = from.get(key)
  if (value === undefined) return false
  const expireAt = from.expireAt(key)
  to.set(key, copy ? copyValue(value) : value)
  to.setExpiry(key, expireAt)
  to.touch(key, "restore", "g")
  if (!copy) from.delete(key)
  return true
}

/** Begins to move a slot away from its owner, which then answers ASK for keys that it does not have. */
export const begin = (from: FakeNode, to: FakeNode, slot: number): void => {
  to.importing.set(slot, from.id)
  from.migrating.set(slot, to.id)
}

/** Moves at most `limit` keys of a slot, in all databases, and returns how many were moved. */
export const moveKeys = (from: FakeNode, to: FakeNode, slot: number, limit: number): number => {
  const keys = from.data.used.flatMap((keyspace) => keyspace.slotKeys(slot).map((key) => ({ keyspace, key })))
    .slice(0, limit)
  if (keys.length > 0) from.traffic.sent++
  for (const { key, keyspace } of keys) {
    if (moveKey(keyspace, to.data.at(keyspace.database), key, false)) to.traffic.received++
  }
  from.propagate()
  to.propagate()
  from.afterCommand()
  to.afterCommand()
  return keys.length
}

/** Lets the new owner claim the slots. All nodes learn of it at once. */
export const finish = (from: FakeNode, to: FakeNode, slots: ReadonlyArray<number>): void => {
  for (const slot of slots) {
    to.importing.delete(slot)
    from.migrating.delete(slot)
  }
  Bus.decide(to.world, to, Bus.bumped(to, ClusterState.assign(to.view, slots, to.id)))
}

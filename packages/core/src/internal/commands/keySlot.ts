/**
 * Finds the slot of a command, which all of its keys must share on a cluster. Pure.
 */
import * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"

/** The slot of a command without keys, which any node can execute. */
export const anySlot = -1

/**
 * The slot of a command's keys; `anySlot` without keys; `CrossSlot` if they are in several slots. With `oneSlot: false`
 * several slots are allowed, and the result is the slot of the first key.
 */
export const slotOf = (command: Command.Any, oneSlot = true): number | RedisError.CrossSlot => {
  const { args, before, spec } = command
  if (spec.singleKey >= 0) {
    const key = args[spec.singleKey]
    return key === undefined ? anySlot : Slot.fromKey(key)
  }
  if (spec.keys.length === 0 && before.length === 0) return anySlot
  return slotOfKeys(Command.keys(command), oneSlot)
}

/** The slot that all keys share; with `oneSlot: false` that of the first key. */
export const slotOfKeys = (keys: ReadonlyArray<Command.Arg>, oneSlot = true): number | RedisError.CrossSlot => {
  if (keys.length === 0) return anySlot
  const slot = Slot.fromKey(keys[0])
  return !oneSlot || keys.every((key) => Slot.fromKey(key) === slot) ? slot : crossSlot(keys)
}

const crossSlot = (keys: ReadonlyArray<Command.Arg>): RedisError.CrossSlot => {
  const text = new TextDecoder()
  return new RedisError.CrossSlot({
    keys: keys.map((key) => ({
      key: typeof key === "string" ? key : text.decode(key),
      slot: Slot.fromKey(key)
    }))
  })
}

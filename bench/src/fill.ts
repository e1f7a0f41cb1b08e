import * as Slot from "@redisc/core/Slot"
import { keys, values } from "./data.ts"
import { send } from "./wire.ts"

/** The node that serves a key, as an index into `ports`: the slots are dealt out in order, in equal parts. */
export const ownerOf = (key: string, nodes: number): number => Math.floor(Slot.fromKey(key) * nodes / Slot.count)

/** The same of all keys. */
export const owners = (nodes: number): ReadonlyArray<number> => keys.map((key) => ownerOf(key, nodes))

/** Writes all keys. */
export const fill = async (ports: ReadonlyArray<number>): Promise<void> => {
  const owner = owners(ports.length)
  await Promise.all(ports.map(async (port, node) => {
    const commands = keys.flatMap((key, index) => owner[index] === node ? [["SET", key, values[index]]] : [])
    const replies = await send(port, commands)
    const wrong = replies.find((reply) => reply !== "OK")
    if (wrong !== undefined) throw new Error(`filling 127.0.0.1:${port}: ${wrong}`)
  }))
}

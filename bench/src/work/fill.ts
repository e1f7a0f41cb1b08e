import * as Slot from "@redisc/core/Slot"
import { send } from "../cluster/wire.ts"
import { dataOf } from "./data.ts"
import type { Size } from "./data.ts"

/** The node that serves a key, as an index into `ports`. The slots are divided in order, in equal parts. */
export const ownerOf = (key: string, nodes: number): number => Math.floor(Slot.fromKey(key) * nodes / Slot.count)

/** Writes the values of the given sizes. */
export const fill = async (ports: ReadonlyArray<number>, sizes: ReadonlyArray<Size>): Promise<void> => {
  for (const size of sizes) {
    const { keys, values } = dataOf(size)
    await Promise.all(ports.map(async (port, node) => {
      const commands = keys.flatMap((key, index) =>
        ownerOf(key, ports.length) === node ? [["SET", key, values[index]]] : []
      )
      const replies = await send(port, commands)
      const wrong = replies.find((reply) => reply !== "OK")
      if (wrong !== undefined) throw new Error(`filling 127.0.0.1:${port}: ${wrong}`)
    }))
  }
}

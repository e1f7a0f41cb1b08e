import { setTimeout as sleep } from "node:timers/promises"
import { send } from "./wire.ts"

const ok = async (port: number, ...commands: ReadonlyArray<ReadonlyArray<string>>): Promise<void> => {
  const replies = await send(port, commands)
  const wrong = replies.find((reply) => reply !== "OK" && reply !== "NOKEY")
  if (wrong !== undefined) throw new Error(`127.0.0.1:${port}: ${wrong}`)
}

/** A node by its port and its id. */
export interface Member {
  readonly port: number
  readonly id: string
}

export const memberAt = async (port: number): Promise<Member> => {
  const [id] = await send(port, [["CLUSTER", "MYID"]])
  return { port, id }
}

/** Moves a slot with all its keys, as redis-cli does: in the end it tells all nodes, since epochs may collide for a moment. */
export const moveSlot = async (
  { from, keys, slot, to }: {
    readonly slot: number
    readonly keys: ReadonlyArray<string>
    readonly from: Member
    readonly to: Member
  },
  all: ReadonlyArray<Member>
): Promise<void> => {
  await ok(to.port, ["CLUSTER", "SETSLOT", `${slot}`, "IMPORTING", from.id])
  await ok(
    from.port,
    ["CLUSTER", "SETSLOT", `${slot}`, "MIGRATING", to.id],
    ["MIGRATE", "127.0.0.1", `${to.port}`, "", "0", "5000", "KEYS", ...keys]
  )
  const others = all.filter(({ id }) => id !== to.id && id !== from.id)
  for (const { port } of [to, from, ...others]) await ok(port, ["CLUSTER", "SETSLOT", `${slot}`, "NODE", to.id])
}

const epochsOf = async ({ port }: Member): Promise<string> => {
  const [nodes] = await send(port, [["CLUSTER", "NODES"]])
  const lines = nodes.trim().split("\n").map((line) => line.split(" "))
  return lines.map(([id, , , , , , epoch, , ...slots]) => `${id} ${epoch} ${slots.join()}`).sort().join("\n")
}

/** Waits until all nodes know of the same epochs and slots. Otherwise two nodes may choose the same epoch, and a slot lose its owner. */
export const agreed = async (all: ReadonlyArray<Member>): Promise<void> => {
  while (new Set(await Promise.all(all.map(epochsOf))).size > 1) await sleep(50)
}

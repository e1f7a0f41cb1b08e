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

/** The epoch and the slots of each node, as one of them sees it. */
const viewOf = async ({ port }: Member): Promise<ReadonlyArray<readonly [epoch: string, text: string]>> => {
  const [nodes] = await send(port, [["CLUSTER", "NODES"]])
  return nodes.trim().split("\n").sort().map((line) => {
    const [id, , , , , , epoch, , ...slots] = line.split(" ")
    return [epoch, `${id} ${epoch} ${slots.join()}`]
  })
}

const agree = async (all: ReadonlyArray<Member>): Promise<boolean> => {
  const views = await Promise.all(all.map(viewOf))
  return new Set(views.map((view) => view.map(([, text]) => text).join("\n"))).size === 1 &&
    new Set(views[0].map(([epoch]) => epoch)).size === all.length
}

/**
 * Waits until all nodes know of the same slots and epochs, all of them different, for a while. Otherwise two nodes may choose the same
 * epoch, and a slot lose its owner.
 */
export const agreed = async (all: ReadonlyArray<Member>): Promise<void> => {
  for (let times = 0; times < 20;) {
    times = await agree(all) ? times + 1 : 0
    await sleep(50)
  }
}

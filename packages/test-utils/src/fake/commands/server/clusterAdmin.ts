/**
 * The subcommands of CLUSTER that change something: slots, roles, membership.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import * as Slot from "@redisc/core/Slot"
import * as Bus from "../../cluster/bus.ts"
import type { FakeNode } from "../../cluster/node.ts"
import { relink } from "../../cluster/replication.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import * as ClusterState from "../../topology/clusterState.ts"
import { integer as readInteger, syntaxError, word, wrongNumber } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const ok = Resp.Reply.simple("OK")

const self = ({ node }: Invocation): FakeNode => node as FakeNode

const refuse = (text: string): never => {
  throw new CommandError(`ERR ${text}`)
}

const slotNumber = (arg: Bin): number => {
  const slot = /^\d+$/.test(arg) ? Number(arg) : -1
  return slot >= 0 && slot < Slot.count ? slot : refuse("Invalid or out of range slot")
}

const unique = (slots: ReadonlyArray<number>): ReadonlyArray<number> => {
  const seen = new Set<number>()
  for (const slot of slots) {
    if (seen.has(slot)) refuse(`Slot ${slot} specified multiple times`)
    seen.add(slot)
  }
  return slots
}

const slotRanges = ({ args, name }: Invocation): ReadonlyArray<number> => {
  if (args.length % 2 === 1) throw wrongNumber(name)
  const slots: Array<number> = []
  for (let i = 0; i < args.length; i += 2) {
    const first = slotNumber(args[i])
    const last = slotNumber(args[i + 1])
    if (first > last) refuse(`start slot number ${first} is greater than end slot number ${last}`)
    for (let slot = first; slot <= last; slot++) slots.push(slot)
  }
  return unique(slots)
}

const addSlots = (node: FakeNode, slots: ReadonlyArray<number>): Resp.Reply => {
  for (const slot of slots) if (node.view.owners[slot] !== undefined) refuse(`Slot ${slot} is already busy`)
  for (const slot of slots) node.importing.delete(slot)
  Bus.decide(node.world, node, ClusterState.assign(node.view, slots, node.id))
  return ok
}

const removeSlots = (node: FakeNode, slots: ReadonlyArray<number>): Resp.Reply => {
  for (const slot of slots) if (node.view.owners[slot] === undefined) refuse(`Slot ${slot} is already unassigned`)
  Bus.decideAlone(node.world, node, ClusterState.assign(node.view, slots, undefined))
  return ok
}

const flushSlots = (node: FakeNode): Resp.Reply => {
  if (node.data.size > 0) refuse("DB must be empty to perform CLUSTER FLUSHSLOTS.")
  const slots = node.view.owners.flatMap((owner, slot) => owner === node.id ? [slot] : [])
  Bus.decideAlone(node.world, node, ClusterState.assign(node.view, slots, undefined))
  return ok
}

const setSlot = (node: FakeNode, args: ReadonlyArray<Bin>): Resp.Reply => {
  if (node.isReplica) refuse("You can use SETSLOT only with masters.")
  const slot = slotNumber(args[0])
  const action = word(args[1])
  const id = args[2]
  if (action === "STABLE" && args.length === 2) {
    node.migrating.delete(slot)
    node.importing.delete(slot)
    return ok
  }
  if (args.length !== 3) {
    return refuse("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
  }
  const owner = node.view.owners[slot]
  const member = node.view.members.get(id)
  switch (action) {
    case "MIGRATING":
      if (owner !== node.id) refuse(`I'm not the owner of hash slot ${slot}`)
      if (member === undefined) return refuse(`I don't know about node ${id}`)
      if (member.primary !== undefined) refuse("Target node is not a master")
      node.migrating.set(slot, id)
      return ok
    case "IMPORTING":
      if (owner === node.id) refuse(`I'm already the owner of hash slot ${slot}`)
      if (member === undefined) return refuse(`I don't know about node ${id}`)
      if (member.primary !== undefined) refuse("Target node is not a master")
      node.importing.set(slot, id)
      return ok
    case "NODE": {
      if (member === undefined) return refuse(`Unknown node ${id}`)
      if (member.primary !== undefined) refuse("Target node is not a master")
      giveSlot(node, slot, id)
      return ok
    }
    default:
      return refuse("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
  }
}

const giveSlot = (node: FakeNode, slot: number, id: string): void => {
  const { owners } = node.view
  if (owners[slot] === node.id && id !== node.id) {
    if (node.data.slotSize(slot) > 0) {
      refuse(`Can't assign hashslot ${slot} to a different node while I still hold keys for this hash slot.`)
    }
    node.migrating.delete(slot)
  }
  const view = ClusterState.assign(node.view, [slot], id)
  if (id !== node.id) return Bus.decideAlone(node.world, node, view)
  const importing = node.importing.delete(slot)
  Bus.decide(node.world, node, importing ? Bus.bumped(node, view) : view)
}

const failover = (node: FakeNode, args: ReadonlyArray<Bin>): Resp.Reply => {
  const mode = word(args[0])
  if (args.length > 1 || !["", "FORCE", "TAKEOVER"].includes(mode)) throw syntaxError()
  const { primary } = node
  if (!node.isReplica) refuse("You should send CLUSTER FAILOVER to a replica")
  if (mode === "" && (primary === undefined || !node.world.reaches(node, primary))) {
    refuse("Master is down or failed, please use CLUSTER FAILOVER FORCE")
  }
  // FORCE still needs the votes of the majority. Without them nothing happens after the OK.
  if (mode !== "FORCE" || Bus.hasMajority(node.world.component(node))) Bus.promote(node.world, node)
  return ok
}

const replicate = (node: FakeNode, id: Bin): Resp.Reply => {
  const member = node.view.members.get(id)
  if (member === undefined) return refuse(`Unknown node ${id}`)
  if (id === node.id) refuse("Can't replicate myself")
  if (member.primary !== undefined) refuse("I can only replicate a master, not a replica.")
  if (!node.isReplica && (node.ownRanges.length > 0 || node.data.size > 0)) {
    refuse("To set a master the node must be empty and without assigned slots.")
  }
  const own = node.view.members.get(node.id)!
  Bus.decide(node.world, node, ClusterState.update(node.view, [{ ...own, primary: id }]))
  return ok
}

const forget = (node: FakeNode, id: Bin): Resp.Reply => {
  if (!node.view.members.has(id)) refuse(`Unknown node ${id}`)
  if (id === node.id) refuse("I tried hard but I can't forget myself...")
  if (node.primaryId === id) refuse("Can't forget my master!")
  Bus.decideAlone(node.world, node, ClusterState.forget(node.view, id))
  return ok
}

const meet = (node: FakeNode, args: ReadonlyArray<Bin>): Resp.Reply => {
  const port = /^\d+$/.test(args[1]) ? Number(args[1]) : -1
  if (port < 0) refuse(`Invalid TCP base port specified: ${args[1]}`)
  const other = node.world.at(args[0], port)
  // If the other node can't be reached, the real server tries for a while and then silently gives up.
  if (other !== undefined && node.world.reaches(node, other)) Bus.introduce(node.world, node, other)
  return ok
}

const reset = (node: FakeNode, args: ReadonlyArray<Bin>): Resp.Reply => {
  const mode = word(args[0] ?? "SOFT")
  if (args.length > 1 || (mode !== "SOFT" && mode !== "HARD")) throw syntaxError()
  if (!node.isReplica && node.data.size > 0) {
    refuse("CLUSTER RESET can't be called with master nodes containing keys")
  }
  if (node.isReplica) node.adopt(node.data.clone())
  const wasReplica = node.isReplica
  node.migrating.clear()
  node.importing.clear()
  const epoch = mode === "HARD" ? 0 : node.view.members.get(node.id)!.epoch
  const view = ClusterState.emptyView([{ id: node.id, epoch, primary: undefined, health: "online" }])
  Bus.decideAlone(node.world, node, { ...view, epoch: mode === "HARD" ? 0 : node.view.epoch })
  if (wasReplica) node.data.clear()
  relink(node.world)
  return ok
}

const setEpoch = (node: FakeNode, arg: Bin): Resp.Reply => {
  const epoch = readInteger(arg)
  const own = node.view.members.get(node.id)!
  if (epoch < 0) refuse(`Invalid config epoch specified: ${arg}`)
  if (node.view.members.size > 1) {
    refuse("The user can assign a config epoch only when the node does not know any other node.")
  }
  if (own.epoch !== 0) refuse("Node config epoch is already non-zero")
  Bus.decideAlone(node.world, node, ClusterState.update(node.view, [{ ...own, epoch }]))
  return ok
}

const bumpEpoch = (node: FakeNode): Resp.Reply => {
  const own = node.view.members.get(node.id)!
  const highest = Math.max(...Array.from(node.view.members.values(), ({ epoch }) => epoch))
  if (own.epoch !== 0 && own.epoch === highest) return Resp.Reply.simple(`STILL ${own.epoch}`)
  Bus.decide(node.world, node, Bus.bumped(node, node.view))
  return Resp.Reply.simple(`BUMPED ${node.view.members.get(node.id)!.epoch}`)
}

export const clusterAdmin: Group = {
  "CLUSTER ADDSLOTS": {
    arity: -3,
    run: (invocation) => addSlots(self(invocation), unique(invocation.args.map(slotNumber)))
  },
  "CLUSTER ADDSLOTSRANGE": { arity: -4, run: (invocation) => addSlots(self(invocation), slotRanges(invocation)) },
  "CLUSTER DELSLOTS": {
    arity: -3,
    run: (invocation) => removeSlots(self(invocation), unique(invocation.args.map(slotNumber)))
  },
  "CLUSTER DELSLOTSRANGE": { arity: -4, run: (invocation) => removeSlots(self(invocation), slotRanges(invocation)) },
  "CLUSTER FLUSHSLOTS": { arity: 2, run: (invocation) => flushSlots(self(invocation)) },
  "CLUSTER SETSLOT": { arity: -4, run: (invocation) => setSlot(self(invocation), invocation.args) },
  "CLUSTER FAILOVER": { arity: -2, run: (invocation) => failover(self(invocation), invocation.args) },
  "CLUSTER REPLICATE": { arity: 3, run: (invocation) => replicate(self(invocation), invocation.args[0]) },
  "CLUSTER FORGET": { arity: 3, run: (invocation) => forget(self(invocation), invocation.args[0]) },
  "CLUSTER MEET": { arity: -4, run: (invocation) => meet(self(invocation), invocation.args) },
  "CLUSTER RESET": { arity: -2, run: (invocation) => reset(self(invocation), invocation.args) },
  "CLUSTER SET-CONFIG-EPOCH": { arity: 3, run: (invocation) => setEpoch(self(invocation), invocation.args[0]) },
  "CLUSTER BUMPEPOCH": { arity: 2, run: (invocation) => bumpEpoch(self(invocation)) },
  "CLUSTER SAVECONFIG": { arity: 2, run: () => ok }
}

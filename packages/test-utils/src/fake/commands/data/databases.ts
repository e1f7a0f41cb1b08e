/**
 * The commands that concern more than one database. SELECT is about the connection, and in `connection.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeLike } from "../../data/encoding.ts"
import type { Keyspace } from "../../data/keyspace.ts"
import { copyValue } from "../../data/value.ts"
import type { Definition, Group, Node } from "../../definitions/handler.ts"
import { notInCluster } from "../../definitions/modes.ts"
import { since } from "../../facts/version.ts"
import * as Args from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { integer: int, simple } = Resp.Reply

/** Whether the node has one database, as nodes of clusters do, except for those of Valkey 9. */
const isSingle = ({ data, isClustered }: Node): boolean => isClustered && data.count === 1

/** The numbers below which databases may be named. Before 8.0 nodes of clusters accept those that they could have. */
const limitOf = (node: Node): number => isSingle(node) && !since(node.version, 8) ? 16 : node.data.count

const indexOf = (arg: Bin, node: Node): number => {
  const index = Args.int32(arg)
  if (index < 0 || index >= limitOf(node)) throw new CommandError("ERR DB index is out of range")
  return index
}

const sameObjects = "ERR source and destination objects are the same"

const copy: Definition = {
  arity: -3,
  run: ({ args, keys, node }) => {
    const [from, to] = args
    let replace = false
    let { database } = keys
    for (let i = 2; i < args.length; i++) {
      const option = Args.word(args[i])
      if (option === "REPLACE") replace = true
      else if (option === "DB" && i + 1 < args.length) database = indexOf(args[++i], node)
      else throw Args.syntaxError()
    }
    if (database !== 0 && isSingle(node)) {
      throw new CommandError("ERR Copying to another database is not allowed in cluster mode")
    }
    const target = node.data.at(database)
    if (from === to && target === keys) throw new CommandError(sameObjects)
    const value = keys.get(from)
    if (value === undefined || (target.has(to) && !replace)) return int(0)
    target.remove(to)
    const made = copyValue(value)
    encodeLike(made, value)
    target.set(to, made)
    target.setExpiry(to, keys.expireAt(from))
    target.touch(to, "copy_to", "g")
    return int(1)
  }
}

const transfer = (key: Bin, from: Keyspace, to: Keyspace): boolean => {
  const value = from.get(key)
  if (value === undefined || to.has(key)) return false
  const at = from.expireAt(key)
  to.set(key, value)
  to.setExpiry(key, at)
  from.remove(key)
  from.touch(key, "move_from", "g")
  to.touch(key, "move_to", "g")
  return true
}

const move: Definition = {
  arity: 3,
  run: ({ args: [key, index], keys, node }) => {
    if (isSingle(node)) throw new CommandError("ERR MOVE is not allowed in cluster mode")
    const target = node.data.at(indexOf(index, node))
    if (target === keys) throw new CommandError(sameObjects)
    return int(transfer(key, keys, target) ? 1 : 0)
  }
}

const swap: Definition = {
  arity: 3,
  run: ({ args: [first, second], node }) => {
    const [one, other] = [
      Args.int32(first, "ERR invalid first DB index"),
      Args.int32(second, "ERR invalid second DB index")
    ]
    const { count } = node.data
    if ([one, other].some((index) => index < 0 || index >= count)) {
      throw new CommandError("ERR DB index is out of range")
    }
    if (one !== other) node.data.at(one).exchange(node.data.at(other))
    return simple("OK")
  }
}

export const databases: Group = {
  COPY: copy,
  MOVE: move,
  SWAPDB: notInCluster("ERR SWAPDB is not allowed in cluster mode", swap)
}

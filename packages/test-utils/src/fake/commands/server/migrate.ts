/**
 * MIGRATE, between nodes of the same simulated cluster.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { moveKey } from "../../cluster/migration.ts"
import type { FakeNode } from "../../cluster/node.ts"
import { slotOf } from "../../data/keyspace.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import { integer, syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { error, simple } = Resp.Reply

interface Request {
  readonly keys: ReadonlyArray<Bin>
  readonly database: number
  readonly copy: boolean
  readonly replace: boolean
}

const read = (args: ReadonlyArray<Bin>): Request => {
  let copy = false
  let replace = false
  let keys: ReadonlyArray<Bin> = [args[2]]
  for (let i = 5; i < args.length; i++) {
    const option = word(args[i])
    if (option === "COPY") copy = true
    else if (option === "REPLACE") replace = true
    else if (option === "AUTH" && i + 1 < args.length) i++
    else if (option === "AUTH2" && i + 2 < args.length) i += 2
    else if (option === "KEYS") {
      if (args[2] !== "") {
        throw new CommandError(
          "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
        )
      }
      keys = args.slice(i + 1)
      break
    } else throw syntaxError()
  }
  integer(args[4])
  return { keys, copy, database: integer(args[3]), replace }
}

const targetProblem = (target: FakeNode, database: number, key: Bin): string | undefined => {
  if (database < 0 || database >= target.data.count) return "ERR DB index is out of range"
  if (!target.isClustered) {
    return target.isReplica ? "READONLY You can't write against a read only replica." : undefined
  }
  const slot = slotOf(key)
  const owner = target.view.owners[slot]
  if (target.isReplica || (owner !== target.id && !target.importing.has(slot))) {
    const other = owner === undefined ? undefined : target.world.byId.get(owner)
    return other === undefined ? "CLUSTERDOWN Hash slot not served" : `MOVED ${slot} ${other.host}:${other.port}`
  }
  const next = target.world.byId.get(target.migrating.get(slot) ?? "")
  if (next !== undefined && !target.data.at(database).has(key)) return `ASK ${slot} ${next.host}:${next.port}`
  return undefined
}

const migrate = ({ args, keys, node }: Invocation): Resp.Reply => {
  const request = read(args)
  const from = node as FakeNode
  from.traffic.sent++
  const present = request.keys.filter((key) => keys.has(key))
  if (present.length === 0) return simple("NOKEY")
  const target = from.world.at(args[0], Number(args[1]))
  if (target === undefined || !from.world.reaches(from, target)) {
    return error("IOERR error or timeout writing to target instance")
  }
  let problem: string | undefined
  for (const key of present) {
    const refused = targetProblem(target, request.database, key) ??
      (!request.replace && target.data.at(request.database).has(key)
        ? "BUSYKEY Target key name already exists."
        : undefined)
    if (refused !== undefined) problem ??= refused
    else if (moveKey(keys, target.data.at(request.database), key, request.copy)) target.traffic.received++
  }
  target.propagate()
  target.afterCommand()
  return problem === undefined ? simple("OK") : error(`ERR Target instance replied with error: ${problem}`)
}

export const migration: Group = { MIGRATE: { arity: -6, run: migrate } }

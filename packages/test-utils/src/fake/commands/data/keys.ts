/**
 * The commands for keys of any type. Times to live are in `expiry.ts`, SORT is in `sort.ts`, DUMP and OBJECT are in
 * `objects.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeLike } from "../../data/encoding.ts"
import { slotOf } from "../../data/keyspace.ts"
import { page } from "../../data/pages.ts"
import { copyValue } from "../../data/value.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import type { Version } from "../../facts/version.ts"
import * as Args from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"
import { expiry } from "./expiry.ts"
import { objects } from "./objects.ts"
import { sort } from "./sort.ts"

const { array, bulk, integer: int, null: nil, simple } = Resp.Reply

const countWhere = (test: (invocation: Invocation, key: Bin) => boolean): Definition => ({
  arity: -2,
  run: (invocation) => int(invocation.args.filter((key) => test(invocation, key)).length)
})

const rename = (onlyNew: boolean): Definition => ({
  arity: 3,
  run: ({ args: [from, to], keys }) => {
    const value = keys.get(from)
    if (value === undefined) throw new CommandError("ERR no such key")
    if (from === to) return onlyNew ? int(0) : simple("OK")
    if (onlyNew && keys.has(to)) return int(0)
    const at = keys.expireAt(from)
    keys.remove(to)
    keys.set(to, value)
    keys.setExpiry(to, at)
    keys.remove(from)
    keys.touch(from, "rename_from", "g")
    keys.touch(to, "rename_to", "g")
    return onlyNew ? int(1) : simple("OK")
  }
})

/** The number of databases. A cluster has long used only one, and since 8.0 it has only one. */
const databasesOf = (version: Version): number => since(version, 8) ? 1 : 16

const copy: Definition = {
  arity: -3,
  run: ({ args, keys, node }) => {
    const [from, to] = args
    let replace = false
    let database = 0
    for (let i = 2; i < args.length; i++) {
      const option = Args.word(args[i])
      if (option === "REPLACE") {
        replace = true
      } else if (option === "DB" && i + 1 < args.length) {
        database = Args.integer(args[++i])
        if (Math.abs(database) > 0x7fffffff) {
          throw new CommandError("ERR value is out of range, value must between -2147483648 and 2147483647")
        }
        if (database < 0 || database >= databasesOf(node.version)) {
          throw new CommandError("ERR DB index is out of range")
        }
      } else {
        throw Args.syntaxError()
      }
    }
    if (database !== 0) throw new CommandError("ERR Copying to another database is not allowed in cluster mode")
    if (from === to) throw new CommandError("ERR source and destination objects are the same")
    const value = keys.get(from)
    if (value === undefined || (keys.has(to) && !replace)) return int(0)
    keys.remove(to)
    const made = copyValue(value)
    encodeLike(made, value)
    keys.set(to, made)
    keys.setExpiry(to, keys.expireAt(from))
    keys.touch(to, "copy_to", "g")
    return int(1)
  }
}

const scan: Definition = {
  arity: -2,
  run: ({ args, keys, node }) => {
    const from = args[0] === "" && !since(node.version, 7.2) ? 0 : Args.cursor(args[0], node.version)
    const { count, match, type } = Args.scanOptions(args, 1, true)
    const { cursor, members } = page(keys, from, count, node.hashSeed, since(node.version, 7.4) ? slotOf : undefined)
    const found = members.filter((key) =>
      (match === undefined || Glob.matches(match, key)) && (type === undefined || keys.get(key)?.type === type)
    )
    return array([bulk(String(cursor)), array(found.map(bulk))])
  }
}

const refused = (name: string, arity: number): Definition => ({
  arity,
  run: () => {
    throw new CommandError(`ERR ${name} is not allowed in cluster mode`)
  }
})

const deleteKeys = countWhere(({ keys }, key) => keys.delete(key))
const existing = countWhere(({ keys }, key) => keys.has(key))

/** Keys of any type. */
export const keys: Group = {
  ...expiry,
  ...objects,
  ...sort,
  DEL: deleteKeys,
  UNLINK: deleteKeys,
  EXISTS: existing,
  TOUCH: existing,
  TYPE: { arity: 2, run: ({ args: [key], keys }) => simple(keys.get(key)?.type ?? "none") },
  RENAME: rename(false),
  RENAMENX: rename(true),
  COPY: copy,
  KEYS: {
    arity: 2,
    run: ({ args: [pattern], keys }) => array([...keys.keys()].filter((key) => Glob.matches(pattern, key)).map(bulk))
  },
  RANDOMKEY: {
    arity: 1,
    run: ({ keys, random }) => {
      const key = keys.random(random)
      return key === undefined ? nil : bulk(key)
    }
  },
  SCAN: scan,
  MOVE: refused("MOVE", 3),
  SWAPDB: refused("SWAPDB", 3)
}

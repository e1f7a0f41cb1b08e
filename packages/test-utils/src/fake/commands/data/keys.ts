/**
 * The commands for keys of any type. COPY and MOVE are in `databases.ts`, times to live in `expiry.ts`, SORT is in `sort.ts`, DUMP and OBJECT are in
 * `objects.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { slotOf } from "../../data/keyspace.ts"
import { page } from "../../data/pages.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import * as Args from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"
import { databases } from "./databases.ts"
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

const deleteKeys = countWhere(({ keys }, key) => keys.delete(key))
const existing = countWhere(({ keys }, key) => keys.has(key))

/** Keys of any type. */
export const keys: Group = {
  ...expiry,
  ...databases,
  ...objects,
  ...sort,
  DEL: deleteKeys,
  UNLINK: deleteKeys,
  EXISTS: existing,
  TOUCH: existing,
  TYPE: { arity: 2, run: ({ args: [key], keys }) => simple(keys.get(key)?.type ?? "none") },
  RENAME: rename(false),
  RENAMENX: rename(true),
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
  SCAN: scan
}

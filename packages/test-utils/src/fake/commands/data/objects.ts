/**
 * DUMP and RESTORE, and the information of OBJECT about a value.
 *
 * The time of a key's last use is not recorded: its idle time is 0, and its frequency that of a new key.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import * as Dump from "../../data/dump.ts"
import { encodingOf, referencesTo } from "../../data/encoding.ts"
import type { Value } from "../../data/value.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { helpReply } from "../../definitions/help.ts"
import { integer, nonNegative, syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { bulk, integer: int, null: nil, simple } = Resp.Reply

const about = (answer: (value: Value, invocation: Invocation) => Resp.Reply): Definition => ({
  arity: 3,
  run: (invocation) => {
    const value = invocation.keys.get(invocation.args[0])
    return value === undefined ? nil : answer(value, invocation)
  }
})

const switching =
  "Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
const newKeyFrequency = 5

const countsUse = ({ node }: Invocation): boolean => (node.config.get("maxmemory-policy") ?? "").endsWith("-lfu")

const help = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency of the key.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>."
]

const checkRange = (text: Bin, max: number, problem: string): void => {
  const value = integer(text)
  if (value < 0 || value > max) throw new CommandError(problem)
}

const restoreOptions = (args: ReadonlyArray<Bin>): { readonly replace: boolean; readonly absolute: boolean } => {
  let [replace, absolute, idle, used] = [false, false, false, false]
  for (let i = 3; i < args.length; i++) {
    const option = word(args[i])
    const more = i + 1 < args.length
    if (option === "REPLACE") {
      replace = true
    } else if (option === "ABSTTL") {
      absolute = true
    } else if (option === "IDLETIME" && more && !used) {
      checkRange(args[++i], Infinity, "ERR Invalid IDLETIME value, must be >= 0")
      idle = true
    } else if (option === "FREQ" && more && !idle) {
      checkRange(args[++i], 255, "ERR Invalid FREQ value, must be >= 0 and <= 255")
      used = true
    } else {
      throw syntaxError()
    }
  }
  return { replace, absolute }
}

const restore: Definition = {
  arity: -4,
  run: ({ args, keys, node, now }) => {
    const [key, time, payload] = args
    const { absolute, replace } = restoreOptions(args)
    if (!replace && keys.has(key)) throw new CommandError("BUSYKEY Target key name already exists.")
    const ttl = nonNegative(time, "ERR Invalid TTL value, must be >= 0")
    if (!Dump.isIntact(payload, node.version)) throw new CommandError("ERR DUMP payload version or checksum are wrong")
    const value = Dump.read(payload)
    if (value === undefined) throw new CommandError("ERR Bad data format")
    const at = ttl === 0 ? undefined : absolute ? ttl : ttl + Math.trunc(now)
    if (at !== undefined && at <= now) {
      keys.delete(key)
      return simple("OK")
    }
    keys.remove(key)
    keys.set(key, value)
    keys.setExpiry(key, at)
    keys.touch(key, "restore", "g")
    return simple("OK")
  }
}

/** The commands for the object behind a key. */
export const objects: Group = {
  DUMP: {
    arity: 2,
    run: ({ args: [key], keys, node }) => {
      const value = keys.get(key)
      return value === undefined ? nil : bulk(Dump.write(value, node.version))
    }
  },
  RESTORE: restore,
  "OBJECT ENCODING": about((value, { node }) => bulk(encodingOf(value, node.config, node.version))),
  "OBJECT FREQ": about((_, invocation) => {
    if (countsUse(invocation)) return int(newKeyFrequency)
    throw new CommandError(
      `ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${switching}`
    )
  }),
  "OBJECT IDLETIME": about((_, invocation) => {
    if (!countsUse(invocation)) return int(0)
    throw new CommandError(`ERR An LFU maxmemory policy is selected, idle time not tracked. ${switching}`)
  }),
  "OBJECT REFCOUNT": about((value) => int(referencesTo(value))),
  "OBJECT HELP": { arity: 2, run: ({ node }) => helpReply(help, node.version) }
}

/**
 * CONFIG. All settings can be set and read; nodes act only on those about the cluster, keyspace events and the password.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import { defaultsOf } from "../../facts/configTable.ts"
import type { Version } from "../../facts/version.ts"
import * as Acl from "../../session/acl.ts"
import * as Notifications from "../../session/notifications.ts"
import { wrongNumber } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { compare } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"

const { bulk, map, simple } = Resp.Reply

const ok = simple("OK")

const get = ({ args, node }: Invocation): Resp.Reply => {
  const names = [...node.config.keys()].filter((name) =>
    args.some((pattern) => Glob.matches(pattern.toLowerCase(), name))
  )
  return map(names.sort(compare).map((name) => [bulk(name), bulk(node.config.get(name) ?? "")] as const))
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1e6,
  mb: 1024 * 1024,
  g: 1e9,
  gb: 1024 * 1024 * 1024
}

const events = (value: Bin): Bin => {
  const flags = Notifications.parse(value)
  if (flags === undefined) throw new CommandError(Notifications.invalid)
  return Notifications.print(flags)
}

const normalized = (name: string, value: Bin, version: Version): Bin => {
  if (name === "notify-keyspace-events") return events(value)
  const known = defaultsOf(version)[name]
  if (name === "maxmemory" || name.endsWith("-size") && /^\d+$/.test(known)) {
    const [, digits, unit] = /^(\d+)([a-zA-Z]*)$/.exec(value) ?? []
    if (digits === undefined || units[unit.toLowerCase()] === undefined) {
      throw new CommandError("argument must be a memory value")
    }
    return String(Number(digits) * units[unit.toLowerCase()])
  }
  if (known === "yes" || known === "no") {
    if (!/^(?:yes|no)$/i.test(value)) throw new CommandError("argument must be 'yes' or 'no'")
    return value.toLowerCase()
  }
  if (/^\d+$/.test(known) && !/^-?\d+$/.test(value)) {
    throw new CommandError("argument couldn't be parsed into an integer")
  }
  return value
}

const immutable: ReadonlySet<string> = new Set([
  "cluster-enabled",
  "databases",
  "appendfilename",
  "enable-debug-command"
])

const set = ({ args, name, node }: Invocation): Resp.Reply => {
  if (args.length % 2 === 1) throw wrongNumber(name)
  const changes: Array<readonly [string, Bin]> = []
  for (let i = 0; i < args.length; i += 2) {
    const option = args[i].toLowerCase()
    if (!node.config.has(option)) {
      throw new CommandError(`ERR Unknown option or number of arguments for CONFIG SET - '${args[i]}'`)
    }
    const failed = (problem: string): CommandError =>
      new CommandError(`ERR CONFIG SET failed (possibly related to argument '${args[i]}') - ${problem}`)
    if (immutable.has(option)) throw failed("can't set immutable config")
    if (changes.some(([other]) => other === option)) throw failed("duplicate parameter")
    try {
      changes.push([option, normalized(option, args[i + 1], node.version)])
    } catch (problem) {
      throw problem instanceof CommandError ? failed(problem.text) : problem
    }
  }
  for (const [option, value] of changes) {
    node.config.set(option, value)
    if (option === "requirepass") {
      const { users } = node as FakeNode
      const user = users.get("default") ?? Acl.defaultUser(undefined, node.version)
      user.apply(value === "" ? ["resetpass", "nopass"] : ["resetpass", `>${value}`])
    }
  }
  return ok
}

export const config: Group = {
  "CONFIG GET": { arity: -3, noScript: true, run: get },
  "CONFIG SET": { arity: -4, noScript: true, run: set },
  "CONFIG RESETSTAT": {
    arity: 2,
    noScript: true,
    run: ({ node }) => {
      const self = node as FakeNode
      self.commandCount = 0
      self.connectionCount = 0
      return ok
    }
  },
  "CONFIG REWRITE": {
    arity: 2,
    noScript: true,
    run: () => Resp.Reply.error("ERR The server is running without a config file")
  }
}

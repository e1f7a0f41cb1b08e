/**
 * The functions of the table `redis` in scripts.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"
import { sha1 } from "../values/digest.ts"
import * as Format from "../values/format.ts"
import { pushError, pushReply } from "./convert.ts"
import { Type } from "./lua.ts"
import type { Lua, Native, State } from "./lua.ts"

/** The server as a running script can use it. */
export interface Host {
  /** The protocol that the script has chosen for the replies of its calls. */
  protocol: 2 | 3
  readonly call: (argv: ReadonlyArray<Bin>, protocol: 2 | 3) => Resp.Reply
  readonly knows: (argv: ReadonlyArray<Bin>) => boolean
}

/** The host of the running script. Undefined while a library is loaded. */
export interface Current {
  host: Host | undefined
}

/** The cost of a call of the server, in instructions. */
const costOfCall = 200

/** Pushes the table of an error, made from a text as the server does it: a text without an error code gets `ERR`. */
const pushServerError = (lua: Lua, L: State, text: Bin): void => {
  const trimmed = text.replace(/^[\r\n]+|[\r\n]+$/g, "")
  const coded = trimmed.startsWith("-") && trimmed.includes(" ")
  pushError(lua, L, coded ? trimmed.slice(1) : `ERR ${trimmed.replace(/^-/, "")}`, false)
}

/** Raises an error of the server, without its place in the script. */
export const raiseServerError = (lua: Lua, L: State, text: string): never => {
  pushServerError(lua, L, text)
  return lua.api.lua_error(L)
}

/** A number as an argument of a command. Since 7.2 integers are written as integers, so that -0 becomes 0. */
const numberAsArgument = (value: number, version: Version): Bin =>
  since(version, 7.2) && value === 0 ? "0" : Format.double(value, version)

const argumentsOf = (lua: Lua, L: State): ReadonlyArray<Bin> | undefined => {
  const argv: Array<Bin> = []
  for (let argument = 1; argument <= lua.api.lua_gettop(L); argument++) {
    const type = lua.api.lua_type(L, argument)
    if (type === Type.number) argv.push(numberAsArgument(lua.api.lua_tonumber(L, argument), lua.version))
    else if (type === Type.string) argv.push(lua.text(L, argument)!)
    else return undefined
  }
  return argv
}

const noArguments = "Please specify at least one argument for this redis lib call"
const wrongArguments = "Lua redis lib command arguments must be strings or integers"

const caller = (current: Current, raises: boolean): Native => (lua, L) => {
  const { api } = lua
  const fail = (text: string): number => {
    pushServerError(lua, L, text)
    return raises ? api.lua_error(L) : 1
  }
  if (api.lua_gettop(L) === 0) return fail(noArguments)
  const argv = argumentsOf(lua, L)
  if (argv === undefined) return fail(wrongArguments)
  const { host } = current
  if (host === undefined) return fail("redis.call/pcall can only be called inside a script invocation")
  lua.spend(costOfCall)
  const reply = host.call(argv, host.protocol)
  pushReply(lua, L, reply, host.protocol)
  return reply._tag === "Error" && raises ? api.lua_error(L) : 1
}

const single = (field: "ok" | "err"): Native => (lua, L) => {
  const { api } = lua
  if (api.lua_gettop(L) !== 1 || api.lua_type(L, 1) !== Type.string) {
    pushServerError(lua, L, "wrong number or type of arguments")
    return 1
  }
  const text = lua.text(L, 1)!
  if (field === "err") {
    pushServerError(lua, L, text.startsWith("-") ? text : `-${text}`)
    return 1
  }
  api.lua_createtable(L, 0, 1)
  lua.push(L, text)
  lua.setField(L, api.lua_gettop(L) - 1, "ok")
  return 1
}

const flagsOfReplication = 3
const levels = 3

const log: Native = (lua, L) => {
  const { api } = lua
  if (api.lua_gettop(L) < 2) return raiseServerError(lua, L, "redis.log() requires two arguments or more.")
  if (lua.text(L, 1) === undefined || Number.isNaN(Number(lua.text(L, 1)))) {
    return raiseServerError(lua, L, "First argument must be a number (log level).")
  }
  const level = Math.trunc(api.lua_tonumber(L, 1))
  if (level < 0 || level > levels) {
    return raiseServerError(lua, L, since(lua.version, 7.2) ? "Invalid log level." : "Invalid debug level.")
  }
  return 0
}

/** The functions available while a library is loaded, besides `redis.register_function`. */
export const loading: Readonly<Record<string, Native>> = { log }

/** The functions available in all scripts. */
export const functions = (current: Current): Readonly<Record<string, Native>> => ({
  log,
  call: caller(current, true),
  pcall: caller(current, false),
  error_reply: single("err"),
  status_reply: single("ok"),
  sha1hex: (lua, L) => {
    if (lua.api.lua_gettop(L) !== 1) return raiseServerError(lua, L, "wrong number of arguments")
    lua.push(L, sha1(lua.text(L, 1) ?? ""))
    return 1
  },
  setresp: (lua, L) => {
    if (lua.api.lua_gettop(L) !== 1) return raiseServerError(lua, L, "redis.setresp() requires one argument.")
    const chosen = lua.api.lua_tonumber(L, -1)
    if (chosen !== 2 && chosen !== 3) return raiseServerError(lua, L, "RESP version must be 2 or 3.")
    if (current.host !== undefined) current.host.protocol = chosen
    return 0
  },
  set_repl: (lua, L) => {
    if (lua.api.lua_gettop(L) !== 1) {
      const wanted = since(lua.version, 7.2) ? "one argument" : "two arguments"
      return raiseServerError(lua, L, `redis.set_repl() requires ${wanted}.`)
    }
    if ((lua.api.lua_tonumber(L, -1) & ~flagsOfReplication) !== 0) {
      return raiseServerError(
        lua,
        L,
        "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."
      )
    }
    return 0
  },
  acl_check_cmd: (lua, L) => {
    if (lua.api.lua_gettop(L) === 0) return raiseServerError(lua, L, noArguments)
    const argv = argumentsOf(lua, L)
    if (argv === undefined) return raiseServerError(lua, L, wrongArguments)
    if (current.host?.knows(argv) !== true) {
      return raiseServerError(lua, L, "Invalid command passed to redis.acl_check_cmd()")
    }
    lua.api.lua_pushboolean(L, 1)
    return 1
  }
})

/** The additional functions of EVAL. There is no debugger, so those for it do what they do without one. */
export const evalFunctions: Readonly<Record<string, Native>> = {
  breakpoint: (lua, L) => {
    lua.api.lua_pushboolean(L, 0)
    return 1
  },
  debug: () => 0,
  replicate_commands: (lua, L) => {
    lua.api.lua_pushboolean(L, 1)
    return 1
  }
}

export const constants = ({ release }: Version): Readonly<Record<string, number | string>> => ({
  LOG_DEBUG: 0,
  LOG_VERBOSE: 1,
  LOG_NOTICE: 2,
  LOG_WARNING: 3,
  REPL_NONE: 0,
  REPL_AOF: 1,
  REPL_SLAVE: 2,
  REPL_REPLICA: 2,
  REPL_ALL: 3,
  REDIS_VERSION: release,
  REDIS_VERSION_NUM: release.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)
})

/** `pcall`. For an error of the server it returns only the text. */
export const pcall: Native = (lua, L) => {
  const { api } = lua
  const count = api.lua_gettop(L)
  api.lua_pushboolean(L, 1)
  api.lua_insert(L, 1)
  if (count === 0) {
    api.lua_pushboolean(L, 0)
    api.lua_replace(L, 1)
    lua.push(L, "attempt to call a boolean value")
    return 2
  }
  if (api.lua_pcall(L, count - 1, -1, 0) !== 0) {
    api.lua_remove(L, 1)
    if (api.lua_type(L, -1) === Type.table) {
      const type = lua.getField(L, api.lua_gettop(L), "err")
      if (type === Type.string || type === Type.number) api.lua_replace(L, -2)
      else lua.pop(L)
    }
    api.lua_pushboolean(L, 0)
    api.lua_insert(L, 1)
  }
  return api.lua_gettop(L)
}

/** The message handler of all scripts: turns every error into a table, with the place where it was raised. */
export const errorHandler: Native = (lua, L) => {
  const { api } = lua
  let where = lua.locate(L, 1)
  if (where?.native === true) where = lua.locate(L, 2)
  if (api.lua_type(L, 1) !== Type.table) {
    const text = describe(lua, L)
    api.lua_settop(L, 0)
    pushError(lua, L, `ERR ${text}`, false)
  }
  if (where !== undefined) {
    lua.push(L, where.source)
    lua.setField(L, 1, "source")
    api.lua_pushnumber(L, where.line)
    lua.setField(L, 1, "line")
  }
  return 1
}

const describe = (lua: Lua, L: State): Bin => {
  const { api } = lua
  switch (api.lua_type(L, 1)) {
    case Type.string:
    case Type.number:
      return lua.text(L, 1)!
    case Type.boolean:
      return api.lua_toboolean(L, 1) !== 0 ? "true" : "false"
    case Type.nil:
    case Type.none:
      return "nil"
    default:
      return `${lua.typeName(L, 1)}: 0x${api.lua_topointer(L, 1).toString(16)}`
  }
}

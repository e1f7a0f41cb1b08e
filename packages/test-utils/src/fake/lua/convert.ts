/**
 * Converts between values of Lua and replies of the server, by the rules in the server's documentation of Lua conversions.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { fromBytes } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import * as Format from "../values/format.ts"
import { Type } from "./lua.ts"
import type { Lua, State } from "./lua.ts"

const { Reply } = Resp

const textOf = (value: string | Uint8Array): Bin => typeof value === "string" ? value : fromBytes(value)

/** Pushes a table with one field, such as `{ ok = "OK" }`. The function `value` pushes its value. */
const pushBox = (lua: Lua, L: State, field: string, value: () => void): void => {
  lua.api.lua_createtable(L, 0, 1)
  const table = lua.api.lua_gettop(L)
  value()
  lua.setField(L, table, field)
}

/** Pushes `{ err = text }`, the form in which scripts see errors of the server. */
export const pushError = (lua: Lua, L: State, text: string, counted: boolean): void => {
  pushBox(lua, L, "err", () => lua.push(L, text))
  if (!counted) return
  lua.api.lua_pushboolean(L, 1)
  lua.setField(L, lua.api.lua_gettop(L) - 1, "ignore_error_stats_update")
}

const pushNull = (lua: Lua, L: State, protocol: 2 | 3): void => {
  if (protocol === 3) lua.api.lua_pushnil(L)
  else lua.api.lua_pushboolean(L, 0)
}

const pushArray = (lua: Lua, L: State, items: ReadonlyArray<Resp.Reply>, protocol: 2 | 3): void => {
  lua.api.lua_createtable(L, items.length, 0)
  items.forEach((item, index) => {
    pushReply(lua, L, item, protocol)
    lua.api.lua_rawseti(L, -2, index + 1)
  })
}

/** Pushes the result of `redis.call`. Its shape depends on the protocol that the script has chosen. */
export const pushReply = (lua: Lua, L: State, reply: Resp.Reply, protocol: 2 | 3): void => {
  const { api } = lua
  const modern = protocol === 3
  api.lua_checkstack(L, 8)
  switch (reply._tag) {
    case "Simple":
      return pushBox(lua, L, "ok", () => lua.push(L, reply.text))
    case "Error":
    case "BulkError":
      return pushError(lua, L, reply.message, true)
    case "Bulk":
      return lua.push(L, textOf(reply.value))
    case "Integer":
      return api.lua_pushnumber(L, Number(reply.value))
    case "Null":
    case "NullArray":
      return pushNull(lua, L, protocol)
    case "Array":
    case "Push":
      return pushArray(lua, L, reply.items, protocol)
    case "Map": {
      if (!modern) return pushArray(lua, L, reply.entries.flat(), protocol)
      return pushBox(lua, L, "map", () => {
        api.lua_createtable(L, 0, reply.entries.length)
        for (const [key, value] of reply.entries) {
          pushReply(lua, L, key, protocol)
          pushReply(lua, L, value, protocol)
          api.lua_rawset(L, -3)
        }
      })
    }
    case "Set": {
      if (!modern) return pushArray(lua, L, reply.items, protocol)
      return pushBox(lua, L, "set", () => {
        api.lua_createtable(L, 0, reply.items.length)
        for (const item of reply.items) {
          pushReply(lua, L, item, protocol)
          api.lua_pushboolean(L, 1)
          api.lua_rawset(L, -3)
        }
      })
    }
    case "Double": {
      if (!modern) return lua.push(L, Format.double(reply.value, lua.version))
      return pushBox(lua, L, "double", () => api.lua_pushnumber(L, reply.value))
    }
    case "Boolean":
      return modern ? api.lua_pushboolean(L, reply.value ? 1 : 0) : api.lua_pushnumber(L, reply.value ? 1 : 0)
    case "BigNumber":
      return modern
        ? pushBox(lua, L, "big_number", () => lua.push(L, String(reply.value)))
        : lua.push(L, String(reply.value))
    case "Verbatim": {
      const text = textOf(reply.text)
      if (!modern) return lua.push(L, text)
      return pushBox(lua, L, "verbatim_string", () => {
        api.lua_createtable(L, 0, 2)
        const table = api.lua_gettop(L)
        lua.push(L, text)
        lua.setField(L, table, "string")
        lua.push(L, reply.format)
        lua.setField(L, table, "format")
      })
    }
    case "Attribute":
      return pushReply(lua, L, reply.reply, protocol)
  }
}

const int64Limit = 2 ** 63

/** Casts a double to a 64-bit integer as C does: a value out of range becomes the smallest integer. */
export const truncated = (value: number): number | bigint => {
  if (Number.isNaN(value) || value >= int64Limit || value < -int64Limit) return -(BigInt(2) ** BigInt(63))
  return Number.isSafeInteger(Math.trunc(value)) ? Math.trunc(value) + 0 : BigInt(Math.trunc(value))
}

/**
 * A big number from the bytes that a script returned. If they are not digits, which the server would not check, they become a
 * bulk string.
 */
const bigNumber = (text: Bin): Resp.Reply => /^[+-]?\d+$/.test(text) ? Reply.bigNumber(BigInt(text)) : Reply.bulk(text)

/** Reads the value on top of the stack as a reply, and pops it. `protocol` is the one that the script has chosen. */
export const popReply = (lua: Lua, L: State, protocol: 2 | 3): Resp.Reply => {
  const { api } = lua
  const reply = topReply(lua, L, protocol)
  api.lua_settop(L, -2)
  return reply
}

const topReply = (lua: Lua, L: State, protocol: 2 | 3): Resp.Reply => {
  const { api } = lua
  if (api.lua_checkstack(L, 8) === 0) return Reply.error("ERR reached lua stack limit")
  switch (api.lua_type(L, -1)) {
    case Type.string:
      return Reply.bulk(lua.text(L, -1)!)
    case Type.number:
      return Reply.integer(truncated(api.lua_tonumber(L, -1)))
    case Type.boolean: {
      const value = api.lua_toboolean(L, -1) !== 0
      if (protocol === 3) return Reply.boolean(value)
      return value ? Reply.integer(1) : Reply.null
    }
    case Type.table:
      return tableReply(lua, L, protocol)
    default:
      return Reply.null
  }
}

const fieldOf = (lua: Lua, L: State, table: number, name: string): Bin | undefined => {
  const value = lua.getField(L, table, name) === Type.string ? lua.text(L, -1) : undefined
  lua.pop(L)
  return value
}

const tableReply = (lua: Lua, L: State, protocol: 2 | 3): Resp.Reply => {
  const { api } = lua
  const table = api.lua_gettop(L)
  const problem = fieldOf(lua, L, table, "err")
  if (problem !== undefined) return Reply.error(problem)
  const status = fieldOf(lua, L, table, "ok")
  if (status !== undefined) return Reply.simple(status)

  if (lua.getField(L, table, "double") === Type.number) {
    const value = api.lua_tonumber(L, -1)
    lua.pop(L)
    return Reply.double(value)
  }
  lua.pop(L)

  if (lua.getField(L, table, "map") === Type.table) {
    const entries: Array<readonly [Resp.Reply, Resp.Reply]> = []
    api.lua_pushnil(L)
    while (api.lua_next(L, table + 1) !== 0) {
      const value = popReply(lua, L, protocol)
      entries.push([topReply(lua, L, protocol), value])
    }
    lua.pop(L)
    return Reply.map(entries)
  }
  lua.pop(L)

  if (lua.getField(L, table, "set") === Type.table) {
    const items: Array<Resp.Reply> = []
    api.lua_pushnil(L)
    while (api.lua_next(L, table + 1) !== 0) {
      lua.pop(L)
      items.push(topReply(lua, L, protocol))
    }
    lua.pop(L)
    return Reply.set(items)
  }
  lua.pop(L)

  const big = fieldOf(lua, L, table, "big_number")
  if (big !== undefined) return bigNumber(big)

  if (lua.getField(L, table, "verbatim_string") === Type.table) {
    const format = fieldOf(lua, L, table + 1, "format")
    const text = fieldOf(lua, L, table + 1, "string")
    if (format !== undefined && text !== undefined) {
      lua.pop(L)
      return Reply.verbatim(format.slice(0, 3).padEnd(3, " "), text)
    }
  }
  lua.pop(L)

  const items: Array<Resp.Reply> = []
  for (let index = 1;; index++) {
    api.lua_rawgeti(L, table, index)
    if (api.lua_type(L, -1) === Type.nil) break
    items.push(popReply(lua, L, protocol))
  }
  lua.pop(L)
  return Reply.array(items)
}

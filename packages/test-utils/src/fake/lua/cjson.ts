/**
 * The `cjson` library of scripts: its settings (`encode_max_depth` and the like), and encoding.
 *
 * @since 0.1.0
 */
import type { Bin } from "../values/binary.ts"
import { decode } from "./cjsonDecode.ts"
import { defaults } from "./cjsonSettings.ts"
import type { Settings } from "./cjsonSettings.ts"
import { Type } from "./lua.ts"
import type { Lua, Native, State } from "./lua.ts"

/** Formats like C's `%.{digits}g`. */
export const general = (value: number, digits: number): Bin => {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0"
  const [mantissa, power] = value.toExponential(digits - 1).split("e")
  const exponent = Number(power)
  const trim = (text: string) => text.includes(".") ? text.replace(/\.?0+$/, "") : text
  if (exponent >= -4 && exponent < digits) return trim(value.toFixed(digits - 1 - exponent))
  return `${trim(mantissa)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`
}

const escapes: Readonly<Record<string, string>> = {
  "\"": "\\\"",
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r"
}

const maxInt = 2_147_483_647

// oxlint-disable-next-line no-control-regex
const special = /[\0-\x1f"\\/\x7f]/g

const quoted = (text: Bin): Bin =>
  `"${text.replace(special, (char) => escapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`

class Writer {
  private readonly lua: Lua
  private readonly L: State
  private readonly settings: Settings

  constructor(lua: Lua, L: State, settings: Settings) {
    this.lua = lua
    this.L = L
    this.settings = settings
  }

  /** Encodes the value on top of the stack, and leaves it there. */
  top(depth: number): Bin {
    const { L, lua } = this
    const { api } = lua
    switch (api.lua_type(L, -1)) {
      case Type.string:
        return quoted(lua.text(L, -1)!)
      case Type.number:
        return this.number(api.lua_tonumber(L, -1))
      case Type.boolean:
        return api.lua_toboolean(L, -1) !== 0 ? "true" : "false"
      case Type.table:
        return this.table(depth + 1)
      case Type.nil:
        return "null"
      case Type.lightUserdata:
        if (api.lua_touserdata(L, -1) === 0) return "null"
    }
    return this.refuse("type not supported")
  }

  private refuse(reason: string): never {
    const { L, lua } = this
    return lua.raise(L, `Cannot serialise ${lua.typeName(L, -1)}: ${reason}`)
  }

  private number(value: number): Bin {
    if (Number.isFinite(value)) return general(value, this.settings.precision)
    if (this.settings.encodeInvalid === false) this.refuse("must not be NaN or Inf")
    if (this.settings.encodeInvalid === "null") return "null"
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf"
  }

  private table(depth: number): Bin {
    const { L, lua, settings } = this
    if (depth > settings.encodeDepth || lua.api.lua_checkstack(L, 8) === 0) {
      lua.raise(L, `Cannot serialise, excessive nesting (${depth})`)
    }
    const table = lua.api.lua_gettop(L)
    const length = this.arrayLength(table)
    return length > 0 ? this.array(table, length, depth) : this.object(table, depth)
  }

  /** The length of a table as an array; -1 if it is not an array. */
  private arrayLength(table: number): number {
    const { L, lua, settings } = this
    const { api } = lua
    let max = 0
    let items = 0
    api.lua_pushnil(L)
    while (api.lua_next(L, table) !== 0) {
      lua.pop(L)
      const key = api.lua_type(L, -1) === Type.number ? api.lua_tonumber(L, -1) : 0
      if (key < 1 || Math.floor(key) !== key) {
        lua.pop(L)
        return -1
      }
      items++
      // The library's own variable for this has 32 bits, and overflows.
      if (key > max) max = key > maxInt ? -maxInt - 1 : key
    }
    if (settings.sparseRatio > 0 && max > items * settings.sparseRatio && max > settings.sparseSafe) {
      if (!settings.sparseConvert) this.refuse("excessively sparse array")
      return -1
    }
    return max
  }

  private array(table: number, length: number, depth: number): Bin {
    const { L, lua } = this
    const parts: Array<Bin> = []
    for (let index = 1; index <= length; index++) {
      lua.api.lua_rawgeti(L, table, index)
      parts.push(this.top(depth))
      lua.pop(L)
    }
    return `[${parts.join(",")}]`
  }

  private object(table: number, depth: number): Bin {
    const { L, lua } = this
    const { api } = lua
    const parts: Array<Bin> = []
    api.lua_pushnil(L)
    while (api.lua_next(L, table) !== 0) {
      api.lua_pushvalue(L, -2)
      const type = api.lua_type(L, -1)
      let key: Bin
      if (type === Type.string) key = quoted(lua.text(L, -1)!)
      else if (type === Type.number) key = `"${this.number(api.lua_tonumber(L, -1))}"`
      else return this.refuse("table key must be a number or string")
      lua.pop(L)
      parts.push(`${key}:${this.top(depth)}`)
      lua.pop(L)
    }
    return `{${parts.join(",")}}`
  }
}

const onlyArgument = (lua: Lua, L: State): void => {
  if (lua.api.lua_gettop(L) !== 1) lua.argumentError(L, 1, "expected 1 argument")
}

const given = (lua: Lua, L: State, argument: number): boolean => lua.api.lua_type(L, argument) > Type.nil

const integerOption = (lua: Lua, L: State, argument: number, now: number, min: number, max: number): number => {
  let value = now
  if (given(lua, L, argument)) {
    value = lua.api.luaL_checkinteger(L, argument)
    if (value < min || value > max) lua.argumentError(L, 1, `expected integer between ${min} and ${max}`)
  }
  lua.api.lua_settop(L, -1)
  return value
}

const booleanOption = (lua: Lua, L: State, argument: number, now: boolean): boolean => {
  if (!given(lua, L, argument)) return now
  if (lua.api.lua_type(L, argument) === Type.boolean) return lua.api.lua_toboolean(L, argument) !== 0
  const word = lua.checkText(L, argument)
  if (word !== "on" && word !== "off") lua.argumentError(L, argument, `invalid option '${word}'`)
  return word === "on"
}

const atMost = (lua: Lua, L: State, count: number): void => {
  if (lua.api.lua_gettop(L) > count) lua.argumentError(L, count + 1, "found too many arguments")
  lua.api.lua_settop(L, count)
}

/** All functions of the library, with settings of their own, as `cjson.new` returns them. */
export const functions = (settings: Settings = defaults()): Readonly<Record<string, Native>> => ({
  encode: (lua, L) => {
    onlyArgument(lua, L)
    const text = new Writer(lua, L, settings).top(0)
    lua.push(L, text)
    return 1
  },
  decode: (lua, L) => {
    onlyArgument(lua, L)
    const text = lua.checkText(L, 1)
    decode(lua, L, text, settings)
    return 1
  },
  encode_sparse_array: (lua, L) => {
    atMost(lua, L, 3)
    settings.sparseConvert = booleanOption(lua, L, 1, settings.sparseConvert)
    settings.sparseRatio = integerOption(lua, L, 2, settings.sparseRatio, 0, maxInt)
    settings.sparseSafe = integerOption(lua, L, 3, settings.sparseSafe, 0, maxInt)
    lua.api.lua_pushboolean(L, settings.sparseConvert ? 1 : 0)
    lua.api.lua_pushnumber(L, settings.sparseRatio)
    lua.api.lua_pushnumber(L, settings.sparseSafe)
    return 3
  },
  encode_max_depth: (lua, L) => {
    atMost(lua, L, 1)
    settings.encodeDepth = integerOption(lua, L, 1, settings.encodeDepth, 1, maxInt)
    lua.api.lua_pushnumber(L, settings.encodeDepth)
    return 1
  },
  decode_max_depth: (lua, L) => {
    atMost(lua, L, 1)
    settings.decodeDepth = integerOption(lua, L, 1, settings.decodeDepth, 1, maxInt)
    lua.api.lua_pushnumber(L, settings.decodeDepth)
    return 1
  },
  encode_number_precision: (lua, L) => {
    atMost(lua, L, 1)
    settings.precision = integerOption(lua, L, 1, settings.precision, 1, 14)
    lua.api.lua_pushnumber(L, settings.precision)
    return 1
  },
  encode_keep_buffer: (lua, L) => {
    atMost(lua, L, 1)
    settings.keepBuffer = booleanOption(lua, L, 1, settings.keepBuffer)
    lua.api.lua_pushboolean(L, settings.keepBuffer ? 1 : 0)
    return 1
  },
  encode_invalid_numbers: (lua, L) => {
    atMost(lua, L, 1)
    const asNull = lua.api.lua_type(L, 1) === Type.string && lua.text(L, 1) === "null"
    if (asNull) settings.encodeInvalid = "null"
    else if (given(lua, L, 1)) settings.encodeInvalid = booleanOption(lua, L, 1, false)
    if (settings.encodeInvalid === "null") lua.push(L, "null")
    else lua.api.lua_pushboolean(L, settings.encodeInvalid ? 1 : 0)
    return 1
  },
  decode_invalid_numbers: (lua, L) => {
    atMost(lua, L, 1)
    settings.decodeInvalid = booleanOption(lua, L, 1, settings.decodeInvalid)
    lua.api.lua_pushboolean(L, settings.decodeInvalid ? 1 : 0)
    return 1
  },
  new: (lua, L) => {
    pushLibrary(lua, L)
    return 1
  }
})

/** Pushes the table of the library. */
export const pushLibrary = (lua: Lua, L: State): void => {
  const { api } = lua
  api.lua_createtable(L, 0, 16)
  const table = api.lua_gettop(L)
  for (const [name, native] of Object.entries(functions())) {
    lua.pushNative(L, native)
    lua.setField(L, table, name)
  }
  api.lua_pushlightuserdata(L, 0)
  lua.setField(L, table, "null")
  lua.push(L, "cjson")
  lua.setField(L, table, "_NAME")
  lua.push(L, "2.1.0")
  lua.setField(L, table, "_VERSION")
}

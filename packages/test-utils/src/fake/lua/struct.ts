/**
 * The `struct` library of scripts: C structures in strings, with the sizes of a 64-bit server.
 *
 * @since 0.1.0
 */
import { fromBytes, toBytes, viewOf } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import { Type } from "./lua.ts"
import type { Lua, Native, State } from "./lua.ts"

const maxIntegerSize = 32
const nativeAlignment = 8
const sizes: Readonly<Record<string, number>> = { b: 1, B: 1, h: 2, H: 2, l: 8, L: 8, T: 8, f: 4, d: 8, x: 1 }

interface Item {
  readonly option: string
  readonly size: number
  /** The number of padding bytes that align the item after `length` bytes. */
  readonly padding: (length: number) => number
  readonly little: boolean
}

/** Parses the format. Items that only affect how others are read are not yielded. */
function* parse(lua: Lua, L: State, format: Bin): Generator<Item> {
  let little = true
  let alignment = 1
  let at = 0
  const number = (otherwise: number): number => {
    const digits = /^\d+/.exec(format.slice(at))?.[0]
    if (digits === undefined) return otherwise
    at += digits.length
    return Number(digits)
  }
  while (at < format.length) {
    const option = format[at++]
    let size = sizes[option] ?? 0
    switch (option) {
      case "i":
      case "I":
        size = number(4)
        if (size > maxIntegerSize) {
          lua.raise(L, `integral size ${size} is larger than limit of ${maxIntegerSize}`)
        }
        break
      case "c":
        size = number(1)
        break
      case " ":
      case "<":
      case ">":
        if (option !== " ") little = option === "<"
        continue
      case "!":
        alignment = number(nativeAlignment)
        if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
          lua.raise(L, `alignment ${alignment} is not a power of 2`)
        }
        continue
      case "s":
        break
      default:
        if (size === 0) lua.argumentError(L, 1, `invalid format option '${option}'`)
    }
    const unit = size === 0 || option === "c" ? 1 : Math.min(size, alignment)
    const padding = (length: number) => (unit - (length & (unit - 1))) & (unit - 1)
    yield { option, size, padding, little }
  }
}

const integerBytes = (value: number, size: number, little: boolean): Bin => {
  const bits = BigInt.asUintN(size * 8, Number.isFinite(value) ? BigInt(Math.trunc(value)) : BigInt(0))
  const bytes = Uint8Array.from({ length: size }, (_, i) => Number(BigInt.asUintN(8, bits >> BigInt(i * 8))))
  return fromBytes(little ? bytes : bytes.toReversed())
}

const integerOf = (bytes: Uint8Array, little: boolean, signed: boolean): number => {
  const bits = (little ? bytes.toReversed() : bytes).reduce((sum, byte) => sum << 8n | BigInt(byte), 0n)
  const width = Math.min(bytes.length, 8) * 8
  return Number(signed ? BigInt.asIntN(width, bits) : BigInt.asUintN(width, bits))
}

const floatBytes = (value: number, size: number, little: boolean): Bin => {
  const bytes = new Uint8Array(size)
  if (size === 4) viewOf(bytes).setFloat32(0, value, little)
  else viewOf(bytes).setFloat64(0, value, little)
  return fromBytes(bytes)
}

const floatOf = (bytes: Uint8Array, little: boolean): number =>
  bytes.length === 4 ? viewOf(bytes).getFloat32(0, little) : viewOf(bytes).getFloat64(0, little)

const pack: Native = (lua, L) => {
  const { api } = lua
  const format = lua.checkText(L, 1)
  // A missing argument is reported as nil.
  api.lua_pushnil(L)
  let packed = ""
  let argument = 2
  for (const { little, option, padding, size } of parse(lua, L, format)) {
    packed += "\0".repeat(padding(packed.length))
    switch (option) {
      case "x":
        packed += "\0"
        break
      case "f":
      case "d":
        packed += floatBytes(api.luaL_checknumber(L, argument++), size, little)
        break
      case "c":
      case "s": {
        const text = lua.checkText(L, argument++)
        const wanted = size === 0 ? text.length : size
        if (text.length < wanted) lua.argumentError(L, argument, "string too short")
        packed += text.slice(0, wanted)
        if (option === "s") packed += "\0"
        break
      }
      default:
        packed += integerBytes(api.luaL_checknumber(L, argument++), size, little)
    }
  }
  lua.push(L, packed)
  return 1
}

const unpack: Native = (lua, L) => {
  const { api } = lua
  const format = lua.checkText(L, 1)
  const data = toBytes(lua.checkText(L, 2))
  const start = api.lua_gettop(L) < 3 ? 1 : api.luaL_checkinteger(L, 3)
  if (start < 1) lua.argumentError(L, 3, "offset must be 1 or greater")
  let at = start - 1
  let count = 0
  api.lua_settop(L, 2)
  for (const item of parse(lua, L, format)) {
    const { little, option } = item
    let { size } = item
    at += item.padding(at)
    if (size > data.length || at > data.length - size) lua.argumentError(L, 2, "data string too short")
    api.lua_checkstack(L, 2)
    switch (option) {
      case "x":
        break
      case "f":
      case "d":
        api.lua_pushnumber(L, floatOf(data.subarray(at, at + size), little))
        count++
        break
      case "c": {
        if (size === 0) {
          if (count === 0 || api.lua_type(L, -1) !== Type.number) {
            lua.raise(L, "format 'c0' needs a previous size")
          }
          size = api.lua_tonumber(L, -1)
          lua.pop(L)
          count--
          if (size < 0 || size > data.length || at > data.length - size) {
            lua.argumentError(L, 2, "data string too short")
          }
        }
        lua.push(L, fromBytes(data, at, at + size))
        count++
        break
      }
      case "s": {
        const end = data.indexOf(0, at)
        if (end < 0) lua.raise(L, "unfinished string in data")
        size = end - at + 1
        lua.push(L, fromBytes(data, at, end))
        count++
        break
      }
      default:
        api.lua_pushnumber(L, integerOf(data.subarray(at, at + size), little, option >= "a" && option !== "x"))
        count++
    }
    at += size
  }
  api.lua_pushnumber(L, at + 1)
  return count + 1
}

const size: Native = (lua, L) => {
  let length = 0
  for (const item of parse(lua, L, lua.checkText(L, 1))) {
    length += item.padding(length)
    if (item.option === "s") lua.argumentError(L, 1, "option 's' has no fixed size")
    if (item.option === "c" && item.size === 0) lua.argumentError(L, 1, "option 'c0' has no fixed size")
    length += item.size
  }
  lua.api.lua_pushnumber(L, length)
  return 1
}

export const functions: Readonly<Record<string, Native>> = { pack, unpack, size }

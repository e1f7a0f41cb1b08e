/**
 * The `cmsgpack` library of scripts: the old MessagePack, without binaries and extensions.
 *
 * @since 0.1.0
 */
import { fromBytes, toBytes, viewOf } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import { Type } from "./lua.ts"
import type { Lua, Native, State } from "./lua.ts"

const maxNesting = 16
const int64Limit = 2 ** 63

const byte = (value: number): Bin => String.fromCharCode(value & 0xff)

const bigEndian = (value: number | bigint, bytes: number): Bin =>
  BigInt.asUintN(bytes * 8, BigInt(value)).toString(16).padStart(bytes * 2, "0").replace(
    /../g,
    (digits) => String.fromCharCode(Number.parseInt(digits, 16))
  )

const packInteger = (value: number): Bin => {
  if (value >= 0) {
    if (value <= 0x7f) return byte(value)
    if (value <= 0xff) return byte(0xcc) + byte(value)
    if (value <= 0xffff) return byte(0xcd) + bigEndian(value, 2)
    if (value <= 0xffff_ffff) return byte(0xce) + bigEndian(value, 4)
    return byte(0xcf) + bigEndian(value, 8)
  }
  if (value >= -32) return byte(value)
  if (value >= -128) return byte(0xd0) + byte(value)
  if (value >= -32_768) return byte(0xd1) + bigEndian(value, 2)
  if (value >= -2_147_483_648) return byte(0xd2) + bigEndian(value, 4)
  return byte(0xd3) + bigEndian(value, 8)
}

const packNumber = (value: number): Bin => {
  if (Number.isInteger(value) && value >= -int64Limit && value < int64Limit) return packInteger(value)
  const single = Math.fround(value) === value
  const bytes = new Uint8Array(single ? 4 : 8)
  if (single) viewOf(bytes).setFloat32(0, value)
  else viewOf(bytes).setFloat64(0, value)
  return byte(single ? 0xca : 0xcb) + fromBytes(bytes)
}

const header = (length: number, small: number, limit: number, medium: number): Bin => {
  if (length < limit) return byte(small | length)
  return length <= 0xffff ? byte(medium) + bigEndian(length, 2) : byte(medium + 1) + bigEndian(length, 4)
}

const packText = (text: Bin): Bin =>
  (text.length >= 32 && text.length <= 0xff
    ? byte(0xd9) + byte(text.length)
    : header(text.length, 0xa0, 32, 0xda)) + text

/** The length of the table at an index as an array; undefined if it has other keys. */
const arrayLength = (lua: Lua, L: State, table: number): number | undefined => {
  const { api } = lua
  let count = 0
  let max = 0
  api.lua_pushnil(L)
  while (api.lua_next(L, table) !== 0) {
    lua.pop(L)
    const key = api.lua_type(L, -1) === Type.number ? api.lua_tonumber(L, -1) : 0
    if (key <= 0 || !Number.isInteger(key)) {
      lua.pop(L)
      return undefined
    }
    count++
    max = Math.max(max, key)
  }
  return max === count ? max : undefined
}

const packTable = (lua: Lua, L: State, level: number): Bin => {
  const { api } = lua
  if (level === maxNesting) return byte(0xc0)
  api.lua_checkstack(L, 8)
  const table = api.lua_gettop(L)
  const length = arrayLength(lua, L, table)
  let packed = ""
  if (length !== undefined) {
    for (let index = 1; index <= length; index++) {
      api.lua_rawgeti(L, table, index)
      packed += packTop(lua, L, level + 1)
      lua.pop(L)
    }
    return header(length, 0x90, 16, 0xdc) + packed
  }
  let entries = 0
  api.lua_pushnil(L)
  while (api.lua_next(L, table) !== 0) {
    entries++
    api.lua_pushvalue(L, -2)
    packed += packTop(lua, L, level + 1)
    lua.pop(L)
    packed += packTop(lua, L, level + 1)
    lua.pop(L)
  }
  return header(entries, 0x80, 16, 0xde) + packed
}

const packTop = (lua: Lua, L: State, level: number): Bin => {
  const { api } = lua
  switch (api.lua_type(L, -1)) {
    case Type.string:
      return packText(lua.text(L, -1)!)
    case Type.number:
      return packNumber(api.lua_tonumber(L, -1))
    case Type.boolean:
      return byte(api.lua_toboolean(L, -1) !== 0 ? 0xc3 : 0xc2)
    case Type.table:
      return packTable(lua, L, level)
    default:
      return byte(0xc0)
  }
}

class Malformed extends Error {}

const badFormat = "Bad data format in input."
const missing = "Missing bytes in input."

/** Pushes the values of a packed text, one after the other. */
class Unpacker {
  at: number
  private readonly lua: Lua
  private readonly L: State
  private readonly packed: Uint8Array

  constructor(lua: Lua, L: State, packed: Bin, at: number) {
    this.lua = lua
    this.L = L
    this.packed = toBytes(packed)
    this.at = at
  }

  push(): void {
    const { L, lua } = this
    const { api } = lua
    api.lua_checkstack(L, 8)
    const sign = this.take(1)[0]
    if (sign <= 0x7f) return api.lua_pushnumber(L, sign)
    if (sign >= 0xe0) return api.lua_pushnumber(L, sign - 256)
    if (sign <= 0x8f) return this.pushMap(sign & 0x0f)
    if (sign <= 0x9f) return this.pushArray(sign & 0x0f)
    if (sign <= 0xbf) return this.pushText(sign & 0x1f)
    switch (sign) {
      case 0xc0:
        return api.lua_pushnil(L)
      case 0xc2:
      case 0xc3:
        return api.lua_pushboolean(L, sign - 0xc2)
      case 0xca:
        return api.lua_pushnumber(L, viewOf(this.take(4)).getFloat32(0))
      case 0xcb:
        return api.lua_pushnumber(L, viewOf(this.take(8)).getFloat64(0))
      case 0xcc:
      case 0xcd:
      case 0xce:
        return api.lua_pushnumber(L, this.length(1 << (sign - 0xcc)))
      case 0xcf:
      case 0xd3:
        return api.lua_pushnumber(L, Number(viewOf(this.take(8)).getBigInt64(0)))
      case 0xd0:
        return api.lua_pushnumber(L, viewOf(this.take(1)).getInt8(0))
      case 0xd1:
        return api.lua_pushnumber(L, viewOf(this.take(2)).getInt16(0))
      case 0xd2:
        return api.lua_pushnumber(L, viewOf(this.take(4)).getInt32(0))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.pushText(this.length(1 << (sign - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.pushArray(this.length(sign === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return this.pushMap(this.length(sign === 0xde ? 2 : 4))
      default:
        throw new Malformed(badFormat)
    }
  }

  get done(): boolean {
    return this.at >= this.packed.length
  }

  private take(bytes: number): Uint8Array {
    if (this.at + bytes > this.packed.length) throw new Malformed(missing)
    this.at += bytes
    return this.packed.subarray(this.at - bytes, this.at)
  }

  private length(bytes: number): number {
    return this.take(bytes).reduce((sum, each) => sum * 256 + each, 0)
  }

  private pushText(length: number): void {
    this.lua.push(this.L, fromBytes(this.take(length)))
  }

  private pushArray(length: number): void {
    const { api } = this.lua
    api.lua_createtable(this.L, 0, 0)
    for (let index = 1; index <= length; index++) {
      this.push()
      api.lua_rawseti(this.L, -2, index)
    }
  }

  private pushMap(length: number): void {
    const { api } = this.lua
    api.lua_createtable(this.L, 0, 0)
    for (let left = length; left > 0; left--) {
      this.push()
      this.push()
      api.lua_rawset(this.L, -3)
    }
  }
}

const unpack = (lua: Lua, L: State, limit: number, offset: number): number => {
  const { api } = lua
  const packed = lua.checkText(L, 1)
  if (offset < 0 || limit < 0) {
    lua.raise(L, `Invalid request to unpack with offset of ${offset} and limit of ${packed.length}.`)
  }
  if (offset > packed.length) {
    lua.raise(L, `Start offset ${offset} greater than input length ${packed.length}.`)
  }
  const all = limit === 0 && offset === 0
  const left = all ? Infinity : limit
  const unpacker = new Unpacker(lua, L, packed, offset)
  const before = api.lua_gettop(L)
  let count = 0
  let problem: string | undefined
  try {
    for (; !unpacker.done && count < left; count++) unpacker.push()
  } catch (thrown) {
    if (!(thrown instanceof Malformed)) throw thrown
    problem = thrown.message
  }
  if (problem !== undefined) lua.raise(L, problem)
  if (all) return count
  api.lua_pushnumber(L, unpacker.done ? -1 : unpacker.at)
  api.lua_insert(L, before + 1)
  return count + 1
}

export const functions: Readonly<Record<string, Native>> = {
  pack: (lua, L) => {
    const { api } = lua
    const count = api.lua_gettop(L)
    if (count === 0) lua.argumentError(L, 0, "MessagePack pack needs input.")
    api.lua_checkstack(L, 8)
    let packed = ""
    for (let argument = 1; argument <= count; argument++) {
      api.lua_pushvalue(L, argument)
      packed += packTop(lua, L, 0)
      lua.pop(L)
    }
    lua.push(L, packed)
    return 1
  },
  unpack: (lua, L) => unpack(lua, L, 0, 0),
  unpack_one: (lua, L) => {
    const offset = lua.api.lua_gettop(L) < 2 ? 0 : lua.api.luaL_checkinteger(L, 2)
    lua.api.lua_settop(L, 1)
    return unpack(lua, L, 1, offset)
  },
  unpack_limit: (lua, L) => {
    const limit = lua.api.luaL_checkinteger(L, 2)
    const offset = lua.api.lua_gettop(L) < 3 ? 0 : lua.api.luaL_checkinteger(L, 3)
    lua.api.lua_settop(L, 1)
    return unpack(lua, L, limit, offset)
  }
}

export const constants: Readonly<Record<string, Bin>> = {
  _NAME: "cmsgpack",
  _VERSION: "lua-cmsgpack 0.4.0",
  _COPYRIGHT: "Copyright (C) 2012, Salvatore Sanfilippo",
  _DESCRIPTION: "MessagePack C implementation for Lua"
}

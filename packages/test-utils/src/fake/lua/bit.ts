/**
 * The `bit` library of scripts: 32-bit operations, signed results.
 *
 * @since 0.1.0
 */
import type { Lua, Native, State } from "./lua.ts"

const double = new Float64Array(1)
const halves = new Int32Array(double.buffer)
/** Added to a double, this number leaves the rounded integer in the lower half of the double's bits. */
const magic = 6_755_399_441_055_744

const bits = (lua: Lua, L: State, argument: number): number => {
  double[0] = lua.api.luaL_checknumber(L, argument) + magic
  return halves[0]
}

const unary = (operation: (value: number) => number): Native => (lua, L) => {
  lua.api.lua_pushnumber(L, operation(bits(lua, L, 1)))
  return 1
}

const many = (operation: (a: number, b: number) => number): Native => (lua, L) => {
  let value = bits(lua, L, 1)
  for (let argument = lua.api.lua_gettop(L); argument > 1; argument--) value = operation(value, bits(lua, L, argument))
  lua.api.lua_pushnumber(L, value)
  return 1
}

const shift = (operation: (value: number, by: number) => number): Native => (lua, L) => {
  const value = bits(lua, L, 1)
  lua.api.lua_pushnumber(L, operation(value, bits(lua, L, 2) & 31) | 0)
  return 1
}

export const functions: Readonly<Record<string, Native>> = {
  tobit: unary((value) => value),
  bnot: unary((value) => ~value),
  bswap: unary((value) => (value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | ((value & 0xff) << 24)),
  band: many((a, b) => a & b),
  bor: many((a, b) => a | b),
  bxor: many((a, b) => a ^ b),
  lshift: shift((value, by) => value << by),
  rshift: shift((value, by) => value >>> by),
  arshift: shift((value, by) => value >> by),
  rol: shift((value, by) => (value << by) | (value >>> (32 - by))),
  ror: shift((value, by) => (value >>> by) | (value << (32 - by))),
  tohex: (lua, L) => {
    const value = bits(lua, L, 1)
    const wanted = lua.api.lua_gettop(L) < 2 ? 8 : bits(lua, L, 2)
    const length = Math.min(Math.abs(wanted), 8)
    const digits = (value >>> 0).toString(16).padStart(8, "0").slice(8 - length)
    lua.push(L, wanted < 0 ? digits.toUpperCase() : digits)
    return 1
  }
}

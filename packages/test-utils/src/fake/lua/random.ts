/**
 * The random numbers of scripts: the generator `drand48`, with the state in which it starts in every process of a server.
 *
 * @since 0.1.0
 */
import type { Native } from "./lua.ts"

const multiplier = BigInt("0x5DEECE66D")
const increment = BigInt(0xb)
const word = BigInt(48)
const limit = 0x7fff_ffff

export class Random {
  private state = BigInt("0x1234ABCD330E")

  seed(value: number): void {
    this.state = (BigInt(value >>> 0) << BigInt(16)) | BigInt(0x330e)
  }

  /** The next number, from 0 to below 1. */
  next(): number {
    this.state = BigInt.asUintN(48, this.state * multiplier + increment)
    const bits = Number(this.state >> (word - BigInt(31)))
    return (bits % limit) / limit
  }
}

/** `math.random` and `math.randomseed`. */
export const functions = (random: Random): Readonly<Record<string, Native>> => ({
  random: (lua, L) => {
    const { api } = lua
    const value = random.next()
    switch (api.lua_gettop(L)) {
      case 0:
        api.lua_pushnumber(L, value)
        return 1
      case 1: {
        const high = api.luaL_checkinteger(L, 1)
        if (high < 1) lua.argumentError(L, 1, "interval is empty")
        api.lua_pushnumber(L, Math.floor(value * high) + 1)
        return 1
      }
      case 2: {
        const low = api.luaL_checkinteger(L, 1)
        const high = api.luaL_checkinteger(L, 2)
        if (low > high) lua.argumentError(L, 2, "interval is empty")
        api.lua_pushnumber(L, Math.floor(value * (high - low + 1)) + low)
        return 1
      }
      default:
        return lua.raise(L, "wrong number of arguments")
    }
  },
  randomseed: (lua, L) => {
    random.seed(lua.api.luaL_checkinteger(L, 1))
    return 0
  }
})

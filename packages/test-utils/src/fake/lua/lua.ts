/**
 * A Lua machine for the scripts of the simulated server, behind the few operations that its libraries need.
 *
 * Redis embeds Lua 5.1, and `wasmoon-lua5.1` is the only such interpreter on npm. With the 5.3 of fengari (whose integers have
 * 32 bits) or the 5.4 of wasmoon, numbers, error texts and the order of tables would all differ. Its binary starts
 * synchronously, keeps strings as bytes, and has memory of its own and no access outside it. It is loaded only when a node runs
 * its first script. The version is pinned, because the binary is used without the package's own loader.
 *
 * @since 0.1.0
 */
import type { Version } from "../facts/version.ts"
import { fromBytes, viewOf, writeBytes } from "../values/binary.ts"
import type { Bin } from "../values/binary.ts"
import * as Wasm from "./wasm.ts"
import type { State } from "./wasm.ts"

export type { State }

/** The types of Lua's values, by their numbers in its C API. */
export const Type = {
  none: -1,
  nil: 0,
  boolean: 1,
  lightUserdata: 2,
  number: 3,
  string: 4,
  table: 5,
  function: 6,
  userdata: 7,
  thread: 8
} as const

export const typeNames: ReadonlyArray<string> = [
  "nil",
  "boolean",
  "userdata",
  "number",
  "string",
  "table",
  "function",
  "userdata",
  "thread"
]

/** Special indexes that are not places on the stack. */
export const Index = { registry: -10_000, globals: -10_002, upvalue: (n: number): number => -10_002 - n } as const

/**
 * A function that Lua calls. Its arguments are on the stack from 1 on. It leaves its results on top, and returns their number.
 */
export type Native = (lua: Lua, L: State) => number

/** Thrown out of the machine when a script has used up its budget. The machine can't be used any more. */
export class Exhausted extends Error {
  constructor() {
    super("the script does not end")
    this.name = "Exhausted"
  }
}

/** The place at which an error was raised. */
export interface Where {
  readonly source: Bin
  readonly line: number
}

const countMask = 8
/** The number of instructions between two checks of the budget. */
const tick = 100_000

export class Lua {
  /** The version of the server that runs the scripts. */
  readonly version: Version
  readonly api: Wasm.Api
  /** The main thread. Functions get the thread that called them, which may be a coroutine. */
  readonly main: State
  /** The number of instructions that the script has left. A call of the server counts as more than one. */
  budget = 0

  private readonly instance: Wasm.Instance
  private readonly natives: Array<Native> = []
  private readonly entrance: number
  private readonly hook: number
  private readonly lengthAt: number
  private readonly debugAt: number
  private readonly whatAt: number
  private scratchAt: number
  private scratchSize = 4096
  private memory: Uint8Array
  private view: DataView

  constructor(version: Version) {
    this.version = version
    this.instance = Wasm.instantiate()
    const { api } = this.instance
    this.api = api
    this.memory = new Uint8Array(api.memory.buffer)
    this.view = viewOf(this.memory)
    this.lengthAt = api.malloc(4)
    this.debugAt = api.malloc(160)
    this.scratchAt = api.malloc(this.scratchSize)
    this.main = api.luaL_newstate()
    this.entrance = this.instance.install(
      "function",
      (L) => this.natives[api.lua_tonumber(L, Index.upvalue(1))](this, L)
    )
    this.hook = this.instance.install("hook", () => {
      this.spend(tick)
    })
    this.whatAt = api.malloc(8)
    writeBytes("nSl\0", this.current(), this.whatAt)
    for (const open of [api.luaopen_base, api.luaopen_table, api.luaopen_string, api.luaopen_math]) {
      const place = this.instance.install("function", open)
      api.lua_pushcclosure(this.main, place, 0)
      api.lua_call(this.main, 0, 0)
    }
    api.lua_sethook(this.main, this.hook, countMask, tick)
  }

  /** Subtracts from the budget of the running script. */
  spend(instructions: number): void {
    this.budget -= instructions
    if (this.budget < 0) throw new Exhausted()
  }

  /** The string at an index, or the digits of a number, without changing the stack; undefined for other values. */
  text(L: State, index: number): Bin | undefined {
    const { api } = this
    const type = api.lua_type(L, index)
    if (type !== Type.string && type !== Type.number) return undefined
    api.lua_pushvalue(L, index)
    const text = this.bytes(api.lua_tolstring(L, -1, this.lengthAt))
    api.lua_settop(L, -2)
    return text
  }

  /** Returns an argument as a string, or raises the same error as Lua's own libraries. */
  checkText(L: State, argument: number): Bin {
    return this.bytes(this.api.luaL_checklstring(L, argument, this.lengthAt))
  }

  push(L: State, text: Bin): void {
    this.api.lua_pushlstring(L, this.write(text), text.length)
  }

  /** Pops a value and sets it as a field of the table at an index, which has to be positive. */
  setField(L: State, table: number, name: Bin): void {
    this.push(L, name)
    this.api.lua_insert(L, -2)
    this.api.lua_rawset(L, table)
  }

  /** Pushes a field of the table at an index, which has to be positive, and returns its type. */
  getField(L: State, table: number, name: Bin): number {
    this.push(L, name)
    this.api.lua_rawget(L, table)
    return this.api.lua_type(L, -1)
  }

  pop(L: State, count = 1): void {
    this.api.lua_settop(L, -count - 1)
  }

  typeName(L: State, index: number): string {
    const type = this.api.lua_type(L, index)
    return type === Type.none ? "no value" : typeNames[type]
  }

  /** Pushes a function. The values on top of the stack become its upvalues 2 and on. */
  pushNative(L: State, native: Native, upvalues = 0): void {
    const { api } = this
    api.lua_pushnumber(L, this.natives.push(native) - 1)
    if (upvalues > 0) api.lua_insert(L, -upvalues - 1)
    api.lua_pushcclosure(L, this.entrance, upvalues + 1)
  }

  /** Pops a function of Lua's own libraries, and returns it for a native function that replaces it. */
  takeNative(L: State): (L: State) => number {
    const code = this.instance.code(this.api.lua_tocfunction(L, -1))
    this.pop(L)
    return code
  }

  /** Raises an error with its place in the script. */
  raise(L: State, text: string): never {
    this.api.luaL_where(L, 1)
    this.push(L, text)
    this.api.lua_concat(L, 2)
    return this.api.lua_error(L)
  }

  /** Raises an error about an argument. */
  argumentError(L: State, argument: number, text: string): never {
    return this.api.luaL_argerror(L, argument, this.write(`${text}\0`))
  }

  /** The place of the function at a level of the call stack, and whether it is written in C. */
  locate(L: State, level: number): Where & { readonly native: boolean } | undefined {
    const { api, debugAt } = this
    if (api.lua_getstack(L, level, debugAt) === 0) return undefined
    api.lua_getinfo(L, this.whatAt, debugAt)
    this.current()
    return {
      native: this.cString(this.view.getUint32(debugAt + 12, true)) === "C",
      source: this.cString(this.view.getUint32(debugAt + 16, true)),
      line: this.view.getInt32(debugAt + 20, true)
    }
  }

  /** Compiles a chunk and pushes it. If it is invalid, returns the problem. */
  compile(code: Bin, name: string): Bin | undefined {
    const { api, main } = this
    const at = this.write(`${name}\0${code}`)
    if (api.luaL_loadbuffer(main, at + name.length + 1, code.length, at) === 0) return undefined
    const problem = this.text(main, -1) ?? ""
    this.pop(main)
    return problem
  }

  private bytes(at: number): Bin {
    const memory = this.current()
    return fromBytes(memory, at, at + this.view.getUint32(this.lengthAt, true))
  }

  private cString(at: number): Bin {
    const memory = this.current()
    return fromBytes(memory, at, memory.indexOf(0, at))
  }

  private write(text: Bin): number {
    if (text.length > this.scratchSize) {
      const { api } = this
      api.free(this.scratchAt)
      this.scratchSize = text.length * 2
      this.scratchAt = api.malloc(this.scratchSize)
      if (this.scratchAt === 0) throw new Error("Lua has no memory left")
    }
    writeBytes(text, this.current(), this.scratchAt)
    return this.scratchAt
  }

  /** The present memory. After it has grown, its buffer is a different one. */
  private current(): Uint8Array {
    const { buffer } = this.api.memory
    if (this.memory.buffer !== buffer) {
      this.memory = new Uint8Array(buffer)
      this.view = viewOf(this.memory)
    }
    return this.memory
  }
}

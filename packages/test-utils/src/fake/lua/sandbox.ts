/**
 * The environment of a script: only the globals of Redis, and all of them read-only.
 *
 * The server's Lua is patched to have read-only tables. Here an empty table stands in for each of them. It reads through to the
 * real table and refuses writes. Functions that look at a table without its metatable are replaced by ones that know of this.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import * as Bit from "./bit.ts"
import * as Cjson from "./cjson.ts"
import * as Cmsgpack from "./cmsgpack.ts"
import { Index, Type } from "./lua.ts"
import type { Lua, Native, State } from "./lua.ts"
import * as Random from "./random.ts"
import * as RedisApi from "./redisApi.ts"
import * as Struct from "./struct.ts"

const allowed: ReadonlySet<string> = new Set([
  ..."_VERSION assert bit cjson cmsgpack collectgarbage coroutine error gcinfo getmetatable ipairs load".split(" "),
  ..."loadstring math next pairs pcall rawequal rawget rawset redis select setmetatable string struct".split(" "),
  ..."table tonumber tostring type unpack xpcall".split(" ")
])

const readOnly = "Attempt to modify a readonly table"

const refuseWrite: Native = (lua, L) => lua.raise(L, readOnly)

const unknownGlobal: Native = (lua, L) =>
  lua.raise(L, `Script attempted to access nonexistent global variable '${lua.text(L, 2) ?? lua.typeName(L, 2)}'`)

/**
 * `os.clock`, the only function of `os`, since 7.2. A server returns seconds of processor time, which not every platform has.
 * Here they are the seconds since the program started.
 */
const clock: Native = (lua, L) => {
  lua.api.lua_pushnumber(L, performance.now() / 1000)
  return 1
}

/** Pushes a new table of functions and constants. */
const pushTable = (
  lua: Lua,
  L: State,
  natives: Readonly<Record<string, Native>>,
  values: Readonly<Record<string, string | number>> = {}
): void => {
  lua.api.lua_createtable(L, 0, 0)
  extend(lua, L, natives, values)
}

/** Adds functions and constants to the table on top. */
const extend = (
  lua: Lua,
  L: State,
  natives: Readonly<Record<string, Native>>,
  values: Readonly<Record<string, string | number>> = {}
): void => {
  const table = lua.api.lua_gettop(L)
  for (const [name, native] of Object.entries(natives)) {
    lua.pushNative(L, native)
    lua.setField(L, table, name)
  }
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "number") lua.api.lua_pushnumber(L, value)
    else lua.push(L, value)
    lua.setField(L, table, name)
  }
}

/** A Lua machine with the globals of Redis. */
export class Sandbox {
  readonly lua: Lua
  readonly current: RedisApi.Current = { host: undefined }
  /** The real table behind each read-only stand-in, by the address of the stand-in. */
  private readonly behind = new Map<number, number>()
  private readonly references = new Map<"globals" | "redis" | "loading" | "loadingRedis" | "handler", number>()

  constructor(lua: Lua, kind: "eval" | "function", random: Random.Random) {
    this.lua = lua
    const { api, main: L } = lua
    this.guardLibraries()
    // The globals are picked from those that the libraries have left.
    api.lua_createtable(L, 0, 0)
    const globals = api.lua_gettop(L)
    for (const name of allowed) {
      if (lua.getField(L, Index.globals, name) === Type.nil) lua.pop(L)
      else lua.setField(L, globals, name)
    }
    lua.pushNative(L, RedisApi.pcall)
    lua.setField(L, globals, "pcall")
    if (since(lua.version, 7.2)) {
      pushTable(lua, L, { clock })
      this.addLibrary(globals, "os")
    }

    pushTable(lua, L, Bit.functions)
    this.addLibrary(globals, "bit")
    pushTable(lua, L, Struct.functions)
    this.addLibrary(globals, "struct")
    pushTable(lua, L, Cmsgpack.functions, Cmsgpack.constants)
    this.addLibrary(globals, "cmsgpack")
    Cjson.pushLibrary(lua, L)
    this.addLibrary(globals, "cjson")
    lua.getField(L, globals, "math")
    extend(lua, L, Random.functions(random))
    this.addLibrary(globals, "math")
    for (const name of ["coroutine", "table", "string"]) {
      lua.getField(L, globals, name)
      this.addLibrary(globals, name)
    }
    pushTable(lua, L, {
      ...RedisApi.functions(this.current),
      ...(kind === "eval" ? RedisApi.evalFunctions : {})
    }, RedisApi.constants(lua.version))
    this.keep("redis", -1)
    this.addLibrary(globals, "redis")

    lua.pushNative(L, RedisApi.errorHandler)
    this.keep("handler", -1)
    if (kind === "eval") lua.setField(L, globals, "__redis__err__handler")
    else lua.pop(L)

    this.keep("globals", globals)
    this.onlyKnown(globals)
    this.pushGuard(globals)
    api.lua_pushvalue(L, -1)
    lua.setField(L, globals, "_G")
    api.lua_replace(L, Index.globals)
    api.lua_settop(L, 0)
    this.guardStrings()
  }

  begin(host: RedisApi.Host): void {
    this.current.host = host
  }

  end(): void {
    this.current.host = undefined
  }

  pushHandler(): void {
    this.pushKept("handler")
  }

  /** Pops a value and sets it as a global that scripts can read. */
  setGlobal(name: string): void {
    const { api, main: L } = this.lua
    this.pushKept("globals")
    api.lua_insert(L, -2)
    this.lua.setField(L, api.lua_gettop(L) - 1, name)
    this.lua.pop(L)
  }

  /** While a library is loaded, the only global is `redis`, with fewer functions. */
  loading<T>(natives: Readonly<Record<string, Native>>, load: () => T): T {
    const { lua } = this
    const { api, main: L } = lua
    pushTable(lua, L, { ...RedisApi.loading, ...natives }, RedisApi.constants(lua.version))
    this.onlyKnown(api.lua_gettop(L))
    this.keep("loadingRedis", -1)
    api.lua_createtable(L, 0, 1)
    const few = api.lua_gettop(L)
    this.pushKept("globals")
    lua.getField(L, few + 1, "redis")
    const guard = api.lua_gettop(L)
    api.lua_pushvalue(L, guard)
    lua.setField(L, few, "redis")
    this.onlyKnown(few)
    this.keep("loading", few)
    this.redirect(guard, "loadingRedis")
    this.redirect(Index.globals, "loading")
    api.lua_settop(L, few - 2)
    try {
      return load()
    } finally {
      this.pushKept("globals")
      const globals = api.lua_gettop(L)
      lua.getField(L, globals, "redis")
      this.redirect(globals + 1, "redis")
      this.redirect(Index.globals, "globals")
      lua.pop(L, 2)
      this.forget("loading")
      this.forget("loadingRedis")
    }
  }

  private keep(name: "globals" | "redis" | "loading" | "loadingRedis" | "handler", index: number): void {
    const { api, main: L } = this.lua
    api.lua_pushvalue(L, index)
    this.references.set(name, api.luaL_ref(L, Index.registry))
  }

  private forget(name: "loading" | "loadingRedis"): void {
    this.lua.api.luaL_unref(this.lua.main, Index.registry, this.references.get(name)!)
  }

  private pushKept(name: "globals" | "redis" | "loading" | "loadingRedis" | "handler"): void {
    this.lua.api.lua_rawgeti(this.lua.main, Index.registry, this.references.get(name)!)
  }

  /** Makes a read-only table read through to another table. */
  private redirect(guard: number, name: "globals" | "redis" | "loading" | "loadingRedis"): void {
    const { lua } = this
    const { api, main: L } = lua
    api.lua_getmetatable(L, guard)
    this.pushKept(name)
    lua.setField(L, api.lua_gettop(L) - 1, "__index")
    lua.pop(L)
  }

  /** Pops a table and makes it a read-only global. */
  private addLibrary(globals: number, name: string): void {
    const { api, main: L } = this.lua
    this.pushGuard(api.lua_gettop(L))
    this.lua.setField(L, globals, name)
    this.lua.pop(L)
  }

  /** Makes it an error to read a field that the table does not have. */
  private onlyKnown(table: number): void {
    const { lua } = this
    const { api, main: L } = lua
    api.lua_createtable(L, 0, 1)
    lua.pushNative(L, unknownGlobal)
    lua.setField(L, api.lua_gettop(L) - 1, "__index")
    api.lua_setmetatable(L, table)
  }

  /** Pushes a read-only stand-in for the table at an index. */
  private pushGuard(index: number, L: State = this.lua.main): void {
    const { lua } = this
    const { api } = lua
    api.lua_createtable(L, 0, 0)
    api.lua_createtable(L, 0, 2)
    const meta = api.lua_gettop(L)
    api.lua_pushvalue(L, index)
    lua.setField(L, meta, "__index")
    lua.pushNative(L, refuseWrite)
    lua.setField(L, meta, "__newindex")
    api.lua_setmetatable(L, meta - 1)
    // Both tables are referenced for ever, so that their addresses are not used again.
    api.lua_pushvalue(L, -1)
    api.luaL_ref(L, Index.registry)
    api.lua_pushvalue(L, index)
    this.behind.set(api.lua_topointer(L, -2), api.luaL_ref(L, Index.registry))
  }

  private isGuard(L: State, index: number): boolean {
    return this.lua.api.lua_type(L, index) === Type.table && this.behind.has(this.lua.api.lua_topointer(L, index))
  }

  /** Replaces a stand-in on the stack by the real table. */
  private seeThrough(L: State, index: number): boolean {
    if (!this.isGuard(L, index)) return false
    const { api } = this.lua
    api.lua_rawgeti(L, Index.registry, this.behind.get(api.lua_topointer(L, index))!)
    api.lua_replace(L, index)
    return true
  }

  private guardStrings(): void {
    const { lua } = this
    const { api, main: L } = lua
    lua.push(L, "")
    api.lua_getmetatable(L, -1)
    this.pushGuard(api.lua_gettop(L))
    lua.setField(L, 2, "__metatable")
    api.lua_settop(L, 0)
  }

  /** Replaces the functions of Lua's libraries that would write to a read-only table, or not see its contents. */
  private guardLibraries(): void {
    const { lua } = this
    const { main: L } = lua
    const wrap = (table: number, name: string, around: (original: (L: State) => number) => Native) => {
      if (lua.getField(L, table, name) !== Type.function) return lua.pop(L)
      const original = lua.takeNative(L)
      lua.pushNative(L, around(original))
      lua.setField(L, table, name)
    }
    const writer = (original: (L: State) => number): Native => (_, thread) => {
      if (!this.isGuard(thread, 1)) return original(thread)
      lua.push(thread, readOnly)
      return lua.api.lua_error(thread)
    }
    const reader = (original: (L: State) => number): Native => (_, thread) => {
      this.seeThrough(thread, 1)
      return original(thread)
    }
    for (const name of ["rawset", "setmetatable"]) wrap(Index.globals, name, writer)
    for (const name of ["rawget", "next"]) wrap(Index.globals, name, reader)
    wrap(Index.globals, "getmetatable", (original) => (_, thread) => {
      if (!this.seeThrough(thread, 1)) return original(thread)
      if (lua.api.lua_getmetatable(thread, 1) === 0) lua.api.lua_pushnil(thread)
      else this.pushGuard(lua.api.lua_gettop(thread), thread)
      return 1
    })
    // The C library of this machine prints null pointers differently.
    wrap(Index.globals, "tostring", (original) => (_, thread) => {
      if (lua.api.lua_type(thread, 1) !== Type.lightUserdata || lua.api.lua_touserdata(thread, 1) !== 0) {
        return original(thread)
      }
      lua.push(thread, "userdata: (nil)")
      return 1
    })
    // Binary chunks could do anything to the machine, and the server's Lua refuses them.
    wrap(Index.globals, "loadstring", (original) => (_, thread) => {
      if (lua.text(thread, 1)?.startsWith("\u001b") !== true) return original(thread)
      lua.api.lua_pushnil(thread)
      lua.push(thread, "attempt to load a binary chunk")
      return 2
    })
    // `pairs` returns the `next` that it was created with.
    lua.getField(L, Index.globals, "next")
    const next = lua.api.luaL_ref(L, Index.registry)
    wrap(Index.globals, "pairs", (original) => (_, thread) => {
      const results = original(thread)
      lua.api.lua_rawgeti(thread, Index.registry, next)
      lua.api.lua_replace(thread, -results - 1)
      return results
    })
    lua.getField(L, Index.globals, "table")
    const table = lua.api.lua_gettop(L)
    for (const name of ["insert", "remove", "sort", "setn"]) wrap(table, name, writer)
    for (const name of ["foreach", "maxn"]) wrap(table, name, reader)
    lua.pop(L)
  }
}

/**
 * Loads Lua 5.1, compiled to WebAssembly, synchronously.
 *
 * The package's own loader is asynchronous and gives scripts a file system, so it is not used. Only the package's binary is,
 * with the few imports that Lua needs to run. Anything else that Lua asks of the system is refused.
 *
 * @since 0.1.0
 */
import { builtin } from "../platform/builtins.ts"
import { CommandError } from "../values/commandError.ts"

/** A `lua_State`. */
export type State = number
type Pointer = number

/** The parts of Lua's C API that are used. */
export interface Api {
  readonly memory: WebAssembly.Memory
  readonly malloc: (size: number) => Pointer
  readonly free: (at: Pointer) => void
  readonly lua_call: (L: State, args: number, results: number) => void
  readonly lua_checkstack: (L: State, size: number) => number
  readonly lua_concat: (L: State, count: number) => void
  readonly lua_createtable: (L: State, array: number, record: number) => void
  readonly lua_error: (L: State) => never
  readonly lua_getinfo: (L: State, what: Pointer, into: Pointer) => number
  readonly lua_getmetatable: (L: State, index: number) => number
  readonly lua_getstack: (L: State, level: number, into: Pointer) => number
  readonly lua_gettop: (L: State) => number
  readonly lua_insert: (L: State, index: number) => void
  readonly lua_next: (L: State, index: number) => number
  readonly lua_pcall: (L: State, args: number, results: number, handler: number) => number
  readonly lua_pushboolean: (L: State, value: number) => void
  readonly lua_pushcclosure: (L: State, code: number, upvalues: number) => void
  readonly lua_pushlightuserdata: (L: State, at: Pointer) => void
  readonly lua_pushlstring: (L: State, at: Pointer, length: number) => void
  readonly lua_pushnil: (L: State) => void
  readonly lua_pushnumber: (L: State, value: number) => void
  readonly lua_pushvalue: (L: State, index: number) => void
  readonly lua_rawget: (L: State, index: number) => void
  readonly lua_rawgeti: (L: State, index: number, at: number) => void
  readonly lua_rawset: (L: State, index: number) => void
  readonly lua_rawseti: (L: State, index: number, at: number) => void
  readonly lua_remove: (L: State, index: number) => void
  readonly lua_replace: (L: State, index: number) => void
  readonly lua_sethook: (L: State, hook: number, mask: number, count: number) => void
  readonly lua_setmetatable: (L: State, index: number) => number
  readonly lua_settop: (L: State, index: number) => void
  readonly lua_toboolean: (L: State, index: number) => number
  readonly lua_tocfunction: (L: State, index: number) => number
  readonly lua_tolstring: (L: State, index: number, length: Pointer) => Pointer
  readonly lua_tonumber: (L: State, index: number) => number
  readonly lua_topointer: (L: State, index: number) => Pointer
  readonly lua_touserdata: (L: State, index: number) => Pointer
  readonly lua_type: (L: State, index: number) => number
  readonly luaL_argerror: (L: State, argument: number, text: Pointer) => never
  readonly luaL_checkinteger: (L: State, argument: number) => number
  readonly luaL_checklstring: (L: State, argument: number, length: Pointer) => Pointer
  readonly luaL_checknumber: (L: State, argument: number) => number
  readonly luaL_loadbuffer: (L: State, at: Pointer, length: number, name: Pointer) => number
  readonly luaL_newstate: () => State
  readonly luaL_ref: (L: State, table: number) => number
  readonly luaL_unref: (L: State, table: number, reference: number) => void
  readonly luaL_where: (L: State, level: number) => void
  readonly luaopen_base: (L: State) => number
  readonly luaopen_math: (L: State) => number
  readonly luaopen_string: (L: State) => number
  readonly luaopen_table: (L: State) => number
}

/** One machine: its memory, its functions, and a way to add JavaScript functions. */
export interface Instance {
  readonly api: Api
  /** The C function at an index of the function table. */
  readonly code: (place: number) => (L: State) => number
  /** Puts a function into the function table, where Lua can call it, and returns its index. */
  readonly install: (kind: "function" | "hook", run: (L: State, detail: number) => number | void) => number
}

interface Internals {
  readonly __indirect_function_table: WebAssembly.Table
  readonly __wasm_call_ctors: () => void
  readonly emscripten_stack_init: () => void
  readonly setThrew: (threw: number, value: number) => void
  readonly stackRestore: (at: Pointer) => void
  readonly stackSave: () => Pointer
}

/** The value that a C `longjmp` throws through JavaScript, up to the `setjmp`. */
const jump = Infinity

const pageSize = 65_536
/** Beyond this size of its memory, Lua reports "not enough memory". */
const memoryLimit = 512 * 1024 * 1024

// A module that imports one function and exports it again, so that it can be put into a function table.
const adapter = (type: ReadonlyArray<number>): WebAssembly.Module => {
  const types = [0x01, type.length + 2, 0x01, 0x60, ...type]
  const imports = [0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00]
  const exports = [0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00]
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  return new WebAssembly.Module(Uint8Array.from([...header, ...types, ...imports, ...exports]))
}

interface Modules {
  readonly lua: WebAssembly.Module
  readonly function: WebAssembly.Module
  readonly hook: WebAssembly.Module
}

let loaded: Modules | undefined

const load = (): Modules => {
  const files = builtin("node:fs")
  const modules = builtin("node:module")
  if (files === undefined || modules === undefined) {
    throw new CommandError(
      "ERR the simulated server runs no scripts here: Lua is read from a file, and this platform has none"
    )
  }
  const path = modules.createRequire(import.meta.url).resolve("wasmoon-lua5.1/dist/liblua5.1.wasm")
  return {
    lua: new WebAssembly.Module(files.readFileSync(path)),
    function: adapter([0x01, 0x7f, 0x01, 0x7f]),
    hook: adapter([0x02, 0x7f, 0x7f, 0x00])
  }
}

/** Makes a new machine. The binary is read and compiled for the first one. */
export const instantiate = (): Instance => {
  const compiled = loaded ??= load()
  let internals: Internals
  let memory: WebAssembly.Memory
  let table: WebAssembly.Table

  const invoke = (place: number, ...args: Array<number>): number => {
    const stack = internals.stackSave()
    try {
      return table.get(place)(...args)
    } catch (thrown) {
      internals.stackRestore(stack)
      if (thrown !== jump) throw thrown
      internals.setThrew(1, 0)
      return 0
    }
  }

  const known: Record<string, (...args: Array<number>) => number | void> = {
    _emscripten_throw_longjmp: () => {
      throw jump
    },
    emscripten_memcpy_js: (to, from, length) => {
      new Uint8Array(memory.buffer).copyWithin(to, from, from + length)
    },
    emscripten_resize_heap: (wanted) => {
      const size = memory.buffer.byteLength
      if (wanted >>> 0 > memoryLimit) return 0
      const grown = Math.min(memoryLimit, Math.max(wanted >>> 0, size * 1.5))
      memory.grow(Math.ceil((grown - size) / pageSize))
      return 1
    },
    emscripten_date_now: () => 0,
    environ_get: () => 0,
    environ_sizes_get: (count, size) => {
      const view = new DataView(memory.buffer)
      view.setUint32(count, 0, true)
      view.setUint32(size, 0, true)
      return 0
    }
  }

  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module, name } of WebAssembly.Module.imports(compiled.lua)) {
    const refuse = () => {
      throw new Error(`Lua asked the simulated server for ${name}, which it does not have`)
    }
    const group = imports[module] ??= {}
    group[name] = known[name] ?? (name.startsWith("invoke_") ? invoke : refuse)
  }
  const { exports } = new WebAssembly.Instance(compiled.lua, imports)
  internals = exports as unknown as Internals
  const api = exports as unknown as Api
  memory = api.memory
  table = internals.__indirect_function_table
  internals.emscripten_stack_init()
  internals.__wasm_call_ctors()

  return {
    api,
    code: (place) => table.get(place),
    install: (kind, run) => {
      const place = table.grow(1)
      table.set(place, new WebAssembly.Instance(compiled[kind], { e: { f: run } }).exports.f as WebAssembly.ExportValue)
      return place
    }
  }
}

/**
 * The libraries of functions of one node.
 *
 * @since 0.1.0
 */
import * as Dump from "../data/dump.ts"
import * as Version from "../facts/version.ts"
import { Exhausted, Index, Type } from "../lua/lua.ts"
import type { Native } from "../lua/lua.ts"
import { Random } from "../lua/random.ts"
import { raiseServerError } from "../lua/redisApi.ts"
import type { Bin } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"
import { splitWords } from "../values/splitWords.ts"
import { Engine, flagsOf, isFlag } from "./engine.ts"
import type { Flags, Reference } from "./engine.ts"

export interface LibraryFunction {
  readonly name: Bin
  readonly description: Bin | undefined
  readonly flagNames: ReadonlyArray<string>
  readonly flags: Flags
  readonly reference: Reference
}

export interface Library {
  readonly name: Bin
  readonly code: Bin
  readonly functions: ReadonlyMap<Bin, LibraryFunction>
}

const badName =
  "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"

const alreadyThere = (name: Bin): string => `ERR Library '${name}' already exists`

/** The number of instructions that a library may run while it is loaded. */
const loadingLimit = 50_000_000

/** Reads the first line of a library. */
const metadata = (code: Bin): { readonly name: Bin; readonly body: Bin } => {
  if (!code.startsWith("#!")) throw new CommandError("ERR Missing library metadata")
  const end = code.indexOf("\n")
  if (end < 0) throw new CommandError("ERR Invalid library metadata")
  const words = splitWords(code.slice(0, end))
  if (words === undefined || words.length === 0) throw new CommandError("ERR Invalid library metadata")
  let name: Bin | undefined
  for (const option of words.slice(1)) {
    if (!option.toLowerCase().startsWith("name=")) {
      throw new CommandError(`ERR Invalid metadata value given: ${option}`)
    }
    if (name !== undefined) {
      throw new CommandError("ERR Invalid metadata value, name argument was given multiple times")
    }
    name = option.slice("name=".length)
  }
  if (name === undefined) throw new CommandError("ERR Library name was not given")
  if (!/^\w+$/.test(name)) throw new CommandError(`ERR ${badName}`)
  const engine = words[0].slice(2)
  if (engine.toUpperCase() !== "LUA") throw new CommandError(`ERR Engine '${engine}' not found`)
  return { name, body: code.slice(end) }
}

/** `redis.register_function`, which calls `add` with each function. */
const registering = (add: (made: LibraryFunction) => boolean): Native => (lua, L) => {
  const { api } = lua
  const fail = (text: string) => raiseServerError(lua, L, text)
  const count = api.lua_gettop(L)
  if (count < 1 || count > 2) return fail("wrong number of arguments to redis.register_function")
  let name: Bin | undefined
  let description: Bin | undefined
  let reference: Reference | undefined
  let flagNames: ReadonlyArray<string> = []
  if (count === 2) {
    name = lua.text(L, 1)
    if (name === undefined) return fail("first argument to redis.register_function must be a string")
    if (api.lua_type(L, 2) !== Type.function) {
      return fail("second argument to redis.register_function must be a function")
    }
    reference = api.luaL_ref(L, Index.registry)
  } else {
    if (api.lua_type(L, 1) !== Type.table) {
      return fail(
        "calling redis.register_function with a single argument is only applicable to Lua table (representing named " +
          "arguments)."
      )
    }
    api.lua_pushnil(L)
    while (api.lua_next(L, 1) !== 0) {
      if (api.lua_type(L, -2) !== Type.string) {
        return fail("named argument key given to redis.register_function is not a string")
      }
      const key = lua.text(L, -2)
      if (key === "function_name") {
        name = lua.text(L, -1)
        if (name === undefined) return fail("function_name argument given to redis.register_function must be a string")
      } else if (key === "description") {
        description = lua.text(L, -1)
        if (description === undefined) {
          return fail("description argument given to redis.register_function must be a string")
        }
      } else if (key === "callback") {
        if (api.lua_type(L, -1) !== Type.function) {
          return fail("callback argument given to redis.register_function must be a function")
        }
        api.lua_pushvalue(L, -1)
        reference = api.luaL_ref(L, Index.registry)
      } else if (key === "flags") {
        if (api.lua_type(L, -1) !== Type.table) {
          return fail("flags argument to redis.register_function must be a table representing function flags")
        }
        const names: Array<string> = []
        for (let index = 1;; index++) {
          api.lua_rawgeti(L, -1, index)
          const flag = lua.text(L, -1)
          const last = api.lua_type(L, -1) === Type.nil
          lua.pop(L)
          if (last) break
          if (flag === undefined || !isFlag(flag)) return fail("unknown flag given")
          names.push(flag)
        }
        flagNames = names
      } else {
        return fail("unknown argument given to redis.register_function")
      }
      lua.pop(L)
    }
    if (name === undefined) return fail("redis.register_function must get a function name argument")
    if (reference === undefined) return fail("redis.register_function must get a callback argument")
  }
  if (!/^\w+$/.test(name)) return fail(badName)
  if (!add({ name, description, flagNames, flags: flagsOf(flagNames), reference })) {
    return fail("Function already exists in the library")
  }
  return 0
}

/** All libraries of a node, and the machine that runs them. */
export class Libraries {
  /** The node's random numbers, shared by scripts and functions. */
  random = new Random()
  version = Version.byDefault
  private known = new Map<Bin, Library>()
  private machine: Engine | undefined

  all(): Iterable<Library> {
    return this.known.values()
  }

  get size(): number {
    return this.known.size
  }

  get functionCount(): number {
    let count = 0
    for (const { functions } of this.known.values()) count += functions.size
    return count
  }

  /** Finds a function. Names are compared without case. */
  find(name: Bin): LibraryFunction | undefined {
    const lower = name.toLowerCase()
    for (const { functions } of this.known.values()) {
      const found = functions.get(lower)
      if (found !== undefined) return found
    }
    return undefined
  }

  engine(): Engine {
    if (this.machine?.broken === true) {
      // A function had to be stopped, which breaks the machine: all libraries are loaded again, and their variables are lost.
      const codes = [...this.known.values()].map(({ code }) => code)
      this.clear()
      for (const code of codes) this.load(code, true)
    }
    return this.machine ??= new Engine("function", this.random, this.version)
  }

  load(code: Bin, replace: boolean, taken: (name: Bin) => string = alreadyThere): Bin {
    const { body, name } = metadata(code)
    const old = this.known.get(name)
    if (old !== undefined && !replace) throw new CommandError(taken(name))
    const functions = this.register(body)
    if (functions.size === 0) throw new CommandError("ERR No functions registered")
    for (const [lower, made] of functions) {
      const holder = [...this.known.values()].find((library) => library !== old && library.functions.has(lower))
      if (holder !== undefined) {
        this.release(functions)
        throw new CommandError(`ERR Function ${made.name} already exists`)
      }
    }
    if (old !== undefined) this.release(old.functions)
    this.known.set(name, { name, code, functions })
    return name
  }

  delete(name: Bin): boolean {
    const library = this.known.get(name)
    if (library === undefined) return false
    this.release(library.functions)
    return this.known.delete(name)
  }

  clear(): void {
    this.known = new Map()
    this.machine = undefined
  }

  dump(): Bin {
    const content = [...this.known.values()].map(({ code }) => `\u00f5${Dump.writeString(code)}`).join("")
    return Dump.seal(content, this.version)
  }

  private register(body: Bin): Map<Bin, LibraryFunction> {
    const engine = this.engine()
    const functions = new Map<Bin, LibraryFunction>()
    const chunk = engine.compile(body, "@user_function")
    if (typeof chunk !== "number") throw new CommandError(`ERR Error compiling function: ${chunk.problem}`)
    const register = registering((made) => {
      const lower = made.name.toLowerCase()
      if (functions.has(lower)) return false
      functions.set(lower, made)
      return true
    })
    let problem: Bin | undefined
    try {
      engine.sandbox.loading({ register_function: register }, () => {
        if (!engine.attempt(chunk, () => 0, loadingLimit)) problem = engine.problem().text
      })
    } catch (thrown) {
      if (!(thrown instanceof Exhausted)) throw thrown
      throw new CommandError("ERR Error registering functions: ERR FUNCTION LOAD timeout")
    }
    engine.lua.api.lua_settop(engine.lua.main, 0)
    engine.release(chunk)
    if (problem === undefined) return functions
    this.release(functions)
    throw new CommandError(`ERR Error registering functions: ${problem}`)
  }

  private release(functions: ReadonlyMap<Bin, LibraryFunction>): void {
    for (const { reference } of functions.values()) this.machine?.release(reference)
  }
}

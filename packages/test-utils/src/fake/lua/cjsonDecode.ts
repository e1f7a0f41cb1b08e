/**
 * Decodes JSON as `cjson` does: it accepts the same invalid inputs, and has the same error messages.
 *
 * @since 0.1.0
 */
import type { Bin } from "../values/binary.ts"
import { fromText } from "../values/binary.ts"
import type { Settings } from "./cjsonSettings.ts"
import type { Lua, State } from "./lua.ts"

interface Token {
  readonly kind: string
  /** The position, from 0. */
  readonly at: number
  readonly value?: Bin | number | boolean
}

const marks: Readonly<Record<string, string>> = {
  "{": "T_OBJ_BEGIN",
  "}": "T_OBJ_END",
  "[": "T_ARR_BEGIN",
  "]": "T_ARR_END",
  ":": "T_COLON",
  ",": "T_COMMA"
}

const escapes: Readonly<Record<string, string>> = {
  "\"": "\"",
  "\\": "\\",
  "/": "/",
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r"
}

const number = /[+-]?(?:0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)/iy
const invalidNumber = /\+|-?(?:0[xX\d]|inf|nan)/iy

const numberOf = (text: string): number => {
  const bare = text.replace(/^[+-]/, "").toLowerCase()
  const value = bare.startsWith("inf") ? Infinity : Number(bare)
  return text.startsWith("-") ? -value : value
}

class Reader {
  private at = 0
  private depth = 0
  private readonly lua: Lua
  private readonly L: State
  private readonly text: Bin
  private readonly settings: Settings

  constructor(lua: Lua, L: State, text: Bin, settings: Settings) {
    this.lua = lua
    this.L = L
    this.text = text
    this.settings = settings
  }

  document(): void {
    if (this.text.length >= 2 && (this.text[0] === "\0" || this.text[1] === "\0")) {
      this.lua.raise(this.L, "JSON parser does not support UTF-16 or UTF-32")
    }
    this.value(this.next())
    const rest = this.next()
    if (rest.kind !== "T_END") this.expected("the end", rest)
  }

  private expected(what: string, found: Token): never {
    return this.lua.raise(this.L, `Expected ${what} but found ${found.kind} at character ${found.at + 1}`)
  }

  private value(token: Token): void {
    const { L, lua } = this
    const { api } = lua
    switch (token.kind) {
      case "T_STRING":
        return lua.push(L, token.value as Bin)
      case "T_NUMBER":
        return api.lua_pushnumber(L, token.value as number)
      case "T_BOOLEAN":
        return api.lua_pushboolean(L, token.value === true ? 1 : 0)
      case "T_NULL":
        return api.lua_pushlightuserdata(L, 0)
      case "T_OBJ_BEGIN":
        return this.object()
      case "T_ARR_BEGIN":
        return this.array()
      default:
        return this.expected("value", token)
    }
  }

  private descend(): void {
    this.depth++
    if (this.depth > this.settings.decodeDepth || this.lua.api.lua_checkstack(this.L, 8) === 0) {
      this.lua.raise(this.L, `Found too many nested data structures (${this.depth}) at character ${this.at}`)
    }
    this.lua.api.lua_createtable(this.L, 0, 0)
  }

  private object(): void {
    this.descend()
    let token = this.next()
    while (token.kind !== "T_OBJ_END") {
      if (token.kind !== "T_STRING") this.expected("object key string", token)
      this.lua.push(this.L, token.value as Bin)
      token = this.next()
      if (token.kind !== "T_COLON") this.expected("colon", token)
      this.value(this.next())
      this.lua.api.lua_rawset(this.L, -3)
      token = this.next()
      if (token.kind === "T_OBJ_END") break
      if (token.kind !== "T_COMMA") this.expected("comma or object end", token)
      token = this.next()
      if (token.kind === "T_OBJ_END") this.expected("object key string", token)
    }
    this.depth--
  }

  private array(): void {
    this.descend()
    let token = this.next()
    for (let index = 1; token.kind !== "T_ARR_END"; index++) {
      this.value(token)
      this.lua.api.lua_rawseti(this.L, -2, index)
      token = this.next()
      if (token.kind === "T_ARR_END") break
      if (token.kind !== "T_COMMA") this.expected("comma or array end", token)
      token = this.next()
      if (token.kind === "T_ARR_END") this.expected("value", token)
    }
    this.depth--
  }

  private next(): Token {
    const { text } = this
    while (" \t\n\r".includes(text[this.at] ?? "x")) this.at++
    const at = this.at
    if (at >= text.length) return { kind: "T_END", at }
    const char = text[at]
    const mark = marks[char]
    if (mark !== undefined) {
      this.at++
      return { kind: mark, at }
    }
    if (char === "\"") return this.string(at)
    if (char === "-" || (char >= "0" && char <= "9")) {
      if (!this.settings.decodeInvalid && this.isInvalidNumber()) return { kind: "invalid number", at }
      return this.number(at)
    }
    if (text.startsWith("true", at)) {
      this.at += 4
      return { kind: "T_BOOLEAN", at, value: true }
    }
    if (text.startsWith("false", at)) {
      this.at += 5
      return { kind: "T_BOOLEAN", at, value: false }
    }
    if (text.startsWith("null", at)) {
      this.at += 4
      return { kind: "T_NULL", at }
    }
    if (this.settings.decodeInvalid && this.isInvalidNumber()) return this.number(at)
    return { kind: "invalid token", at }
  }

  private isInvalidNumber(): boolean {
    invalidNumber.lastIndex = this.at
    return invalidNumber.test(this.text)
  }

  private number(at: number): Token {
    number.lastIndex = at
    const found = number.exec(this.text)
    if (found === null) return { kind: "invalid number", at }
    this.at += found[0].length
    return { kind: "T_NUMBER", at, value: numberOf(found[0]) }
  }

  private string(start: number): Token {
    const { text } = this
    let value = ""
    for (let at = start + 1;;) {
      const char = text[at]
      if (char === undefined || char === "\0") return { kind: "unexpected end of string", at }
      if (char === "\"") {
        this.at = at + 1
        return { kind: "T_STRING", at: start, value }
      }
      if (char !== "\\") {
        value += char
        at++
        continue
      }
      const escape = text[at + 1] ?? ""
      if (escape === "u") {
        const unicode = this.unicode(at)
        if (unicode === undefined) return { kind: "invalid unicode escape code", at }
        value += fromText(String.fromCodePoint(unicode.code))
        at += unicode.length
        continue
      }
      if (!Object.hasOwn(escapes, escape)) return { kind: "invalid escape code", at }
      value += escapes[escape]
      at += 2
    }
  }

  private unicode(at: number): { readonly code: number; readonly length: number } | undefined {
    const unit = (from: number): number | undefined => {
      const digits = /^\\u([\da-fA-F]{4})/.exec(this.text.slice(from, from + 6))?.[1]
      return digits === undefined ? undefined : Number.parseInt(digits, 16)
    }
    const first = unit(at)
    if (first === undefined) return undefined
    if ((first & 0xf800) !== 0xd800) return { code: first, length: 6 }
    const second = unit(at + 6)
    if ((first & 0x400) !== 0 || second === undefined || (second & 0xfc00) !== 0xdc00) return undefined
    return { code: 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff), length: 12 }
  }
}

/** Pushes the value of a JSON text. Null is `cjson.null`. */
export const decode = (lua: Lua, L: State, text: Bin, settings: Settings): void =>
  new Reader(lua, L, text, settings).document()

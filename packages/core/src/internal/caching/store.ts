/** Kept replies by key and command. */
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"

export class Entry {
  readonly keys: ReadonlyArray<string>
  readonly name: string
  readonly args: ReadonlyArray<Command.Arg>
  readonly bytes: boolean
  readonly value: Resp.Value
  readonly size: number
  constructor(keys: ReadonlyArray<string>, command: Command.Any, value: Resp.Value) {
    this.keys = keys
    this.name = command.spec.name
    this.args = command.args
    this.bytes = command.bytes
    this.value = value
    this.size = 300
  }
}

const sameArg = (a: Command.Arg, b: Command.Arg): boolean => {
  if (typeof a === "string" || typeof b === "string") return a === b
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

const sameWords = (
  a: { readonly name: string; readonly args: ReadonlyArray<Command.Arg>; readonly bytes: boolean },
  b: Command.Any
): boolean =>
  a.name === b.spec.name && a.bytes === b.bytes && a.args.length === b.args.length &&
  a.args.every((arg, i) => sameArg(arg, b.args[i]))

export const isSame = (a: Command.Any, b: Command.Any): boolean =>
  sameWords({ name: a.spec.name, args: a.args, bytes: a.bytes }, b)

export const copied = (value: Resp.Value): Resp.Value => {
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return value.slice()
  if (Array.isArray(value)) return value.map(copied)
  if (value instanceof Map) return new Map(Array.from(value, ([k, v]) => [copied(k), copied(v)]))
  return value
}

export class Store<E extends Entry> {
  private readonly map = new Map<string, Array<E>>()
  private readonly maxBytes: number
  constructor(maxBytes: number, _onEvicted: (entry: E) => void) {
    this.maxBytes = maxBytes
  }
  bytes = 0
  size = 0
  find(key: string, command: Command.Any): E | undefined {
    return this.map.get(key)?.find((entry) => sameWords(entry, command))
  }
  add(entry: E): boolean {
    if (entry.size > this.maxBytes / 8) return false
    for (const key of entry.keys) {
      const all = (this.map.get(key) ?? []).filter((old) =>
        !(old.name === entry.name && old.bytes === entry.bytes && old.args.length === entry.args.length &&
          old.args.every((arg, i) => sameArg(arg, entry.args[i])))
      )
      all.push(entry)
      this.map.set(key, all)
    }
    this.size = this.map.size
    return true
  }
  remove(entry: E): void {
    for (const key of entry.keys) {
      const left = (this.map.get(key) ?? []).filter((old) => old !== entry)
      if (left.length === 0) this.map.delete(key)
      else this.map.set(key, left)
    }
    this.size = this.map.size
  }
  take(key: string): ReadonlyArray<E> {
    const all = this.map.get(key) ?? []
    for (const entry of all) this.remove(entry)
    return all
  }
  clear(): void {
    this.map.clear()
    this.size = 0
  }
}

/** A kept reply, and its place in the queues of the store. */
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"
import { copied, keptArgs } from "./copies.ts"
import { sizeOf } from "./weight.ts"

/** What tells one command from another, as far as its reply is concerned. */
export type Question = Pick<Command.Any, "spec" | "args" | "bytes">

/** One kept reply. */
export interface Kept {
  /** All keys that the reply depends on, as text. The reply is found by the first of them. */
  readonly keys: ReadonlyArray<string>
  readonly name: string
  readonly args: ReadonlyArray<Command.Arg>
  readonly bytes: boolean
  readonly value: Resp.Value
  /** An estimate of the memory that it takes, in bytes. */
  readonly size: number
}

/** The memory of how often an entry was used goes no further, so that an entry that is no longer used is soon known as such. */
const mostUses = 3

export class Entry implements Kept {
  readonly keys: ReadonlyArray<string>
  readonly name: string
  readonly args: ReadonlyArray<Command.Arg>
  readonly bytes: boolean
  /** The reply as it came, until the store takes the entry in; from then on a copy. */
  value: Resp.Value
  readonly size: number
  /** Tells its command from others: a number of 32 bits that is the same for the same commands. */
  readonly hash: number
  /** How often it was used, up to 3, since it was added or last spared from eviction. */
  uses = 0
  /** The queue that it is in, and its neighbours there. The store sets them. */
  queue: object | undefined = undefined
  older: Entry | undefined = undefined
  newer: Entry | undefined = undefined

  constructor(keys: ReadonlyArray<string>, { args, bytes, spec }: Question, value: Resp.Value) {
    this.keys = keys
    this.name = spec.name
    // One list serves for both with commands such as GET and MGET.
    this.args = areSame(keys, args) ? keys : keptArgs(args)
    this.bytes = bytes
    this.value = value
    this.size = sizeOf(value, keys, this.args)
    this.hash = hashOf(spec.name, args, bytes)
  }

  /** Makes the reply its own, so that nobody else can change it. */
  own(): void {
    this.value = copied(this.value)
  }

  use(): void {
    if (this.uses < mostUses) this.uses++
  }

  /** Whether this is the reply to such a command. */
  answers({ args, bytes, spec }: Question): boolean {
    return this.name === spec.name && this.bytes === bytes && areSame(this.args, args)
  }
}

/** Whether the reply to one command is the reply to the other as well. */
export const isSame = (a: Question, b: Question): boolean =>
  a.spec.name === b.spec.name && a.bytes === b.bytes && areSame(a.args, b.args)

/** Text and bytes are different arguments, whatever is in them. */
const areSame = (a: ReadonlyArray<Command.Arg>, b: ReadonlyArray<Command.Arg>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !isSameBytes(a[i], b[i])) return false
  }
  return true
}

const isSameBytes = (a: Command.Arg, b: Command.Arg): boolean => {
  if (typeof a === "string" || typeof b === "string" || a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false
  }
  return true
}

const mixed = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193)

const withArg = (hash: number, arg: Command.Arg): number => {
  if (typeof arg === "string") {
    for (let i = 0; i < arg.length; i++) hash = mixed(hash, arg.charCodeAt(i))
    return mixed(hash, arg.length)
  }
  for (let i = 0; i < arg.length; i++) hash = mixed(hash, arg[i])
  return mixed(hash, ~arg.length)
}

/** A hash of a command: FNV-1a over its words, whose bits are mixed once more, because the lowest choose a place in tables. */
export const hashOf = (name: string, args: ReadonlyArray<Command.Arg>, bytes: boolean): number => {
  let hash = withArg(bytes ? 0x811c9dc5 : 0x3243f6a8, name)
  for (const arg of args) hash = withArg(hash, arg)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  hash = Math.imul(hash ^ (hash >>> 15), 0x45d9f3b)
  return (hash ^ (hash >>> 16)) | 0
}

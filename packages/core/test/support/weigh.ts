/** Measures what kept replies take of the memory of a process that does nothing else. */
import type * as Command from "../../src/Command.ts"
import { Entry, Store } from "../../src/internal/caching/store.ts"
import * as Redis from "../../src/Redis.ts"
import type * as Resp from "../../src/Resp.ts"
import { collectGarbage } from "./garbage.ts"

const count = 5000

/** A text of its own, as a decoder makes it: not joined, nor a part of another. */
const text = (text: string): string => Buffer.from(text).toString()

const times = <A>(count: number, make: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, i) => make(i))

const values: Readonly<Record<string, (i: number) => Resp.Value>> = {
  "null": () => null,
  "a short text": (i) => text(`${i}`),
  "a text of 1000": (i) => text(`${i}`.padStart(1000)),
  "a text of 100 in Cyrillic": (i) => text(`${i}`.padStart(100, "ж")),
  "20 bytes": () => new Uint8Array(20),
  "1000 bytes": () => new Uint8Array(1000),
  "a list of 20 texts": (i) => times(20, (j) => text(`item ${j} of reply ${i}`)),
  "a list of 20 numbers": (i) => times(20, (j) => i + j / 2),
  "a map of 3": (i) => new Map(times(3, (j) => [text(`field ${j}`), text(`value ${i}`)]))
}

let sentAt = 1e12 + 0.5

/** As the cache's own, with what it notes in them. */
class Noted extends Entry {
  readonly node = "127.0.0.1:6379"
  readonly slot = 1
  readonly epoch = 2
  readonly watch = values
  readonly era = 3
  readonly sentAt: number
  readonly expiresAt: number
  readonly payload = 4

  constructor(keys: ReadonlyArray<string>, command: Command.Any, value: Resp.Value) {
    super(keys, command, value)
    this.sentAt = sentAt++
    this.expiresAt = sentAt + 0.25
  }
}

const about = (keys: ReadonlyArray<string>, command: (keys: ReadonlyArray<string>) => Command.Any): Entry => {
  const own = keys.map(text)
  return new Noted(own, command(own), null)
}

const entries: Readonly<Record<string, (i: number) => Entry>> = {
  ...Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, (i: number) => {
      const key = text(`user:${i}:profile`)
      return new Noted([key], Redis.get(key), value(i))
    }])
  ),
  "one of several of a key": (i) => about([`user:${i >> 2}:profile`], ([key]) => Redis.hget(key, text(`field:${i}`))),
  "one of many of a key": (i) => about([`user:${i >> 6}:profile`], ([key]) => Redis.hget(key, text(`field:${i}`))),
  "one of three keys": (i) => about([`user:${i}:a`, `user:${i}:b`, `user:${i}:c`], (keys) => Redis.sinter([...keys])),
  "one with bytes in its command": (i) =>
    about([`user:${i}:profile`], ([key]) => Redis.hget(key, new Uint8Array(20).fill(i)))
}

const used = (): number => {
  for (let i = 0; i < 3; i++) collectGarbage()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** The bytes an entry takes, and those that it is said to take. */
const measured = (name: string, make: (i: number) => Entry) => {
  const before = used()
  const store = new Store<Entry>(1e12, () => {})
  for (let i = 0; i < count; i++) store.add(make(i))
  const taken = used() - before
  return { name, taken: taken / count, said: store.bytes / count }
}

// The first measurement includes what V8 compiles.
measured("first", entries.null)
process.stdout.write(JSON.stringify(Object.entries(entries).map(([name, make]) => measured(name, make))))

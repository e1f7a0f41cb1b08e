/**
 * Sends the same commands to a real server and to the simulated one, and compares the replies as they are on the wire,
 * in RESP2 and in RESP3, and the keyspace events that they cause. Where they differ, the real one is right.
 *
 * The real server is the installed one, and the simulated one imitates its version.
 */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { seeded, show, words } from "../commands/harness.ts"
import type { Wire } from "../commands/harness.ts"
import { fakeServer, onRealServer } from "./imitation.ts"
import { RealServer } from "./RealServer.ts"

/** Picks from lists by a seed. */
export interface Dice {
  /** From 0 to below 1. */
  readonly next: () => number
  /** An integer from 0 to below `limit`. */
  readonly below: (limit: number) => number
  readonly one: <T>(from: ReadonlyArray<T>) => T
  /** From `min` to `max` items, each picked anew. */
  readonly some: <T>(from: ReadonlyArray<T>, min: number, max: number) => ReadonlyArray<T>
  readonly maybe: <T>(chance: number, ...items: ReadonlyArray<T>) => ReadonlyArray<T>
}

export const dice = (seed: number): Dice => {
  const next = seeded(seed)
  const below = (limit: number) => Math.floor(next() * limit)
  const one = <T>(from: ReadonlyArray<T>): T => from[below(from.length)]
  return {
    next,
    below,
    one,
    some: (from, min, max) => Array.from({ length: min + below(max - min + 1) }, () => one(from)),
    maybe: (chance, ...items) => next() < chance ? items : []
  }
}

/** Commands as lines (words divided by blanks, `''` empty) or as lists of words. */
export type Commands = ReadonlyArray<string | ReadonlyArray<string>>

const sorted = (items: ReadonlyArray<Wire>, width: number): ReadonlyArray<Wire> => {
  const groups: Array<ReadonlyArray<Wire>> = []
  for (let i = 0; i < items.length; i += width) groups.push(items.slice(i, i + width))
  const text = (group: ReadonlyArray<Wire>) => group.map(show).join(" ")
  return groups.sort((a, b) => text(a) < text(b) ? -1 : 1).flat()
}

/** The reply with its items sorted, by groups of `width`. */
export const unordered = (reply: Wire, width = 1): Wire =>
  reply.items === undefined ? reply : { ...reply, items: sorted(reply.items, width) }

/** The reply without its contents, for what is random: its type and how much there is of it. */
export const shape = (reply: Wire): Wire =>
  reply.items === undefined
    ? { sign: reply.sign, text: reply.sign === "-" ? reply.text : "" }
    : { ...reply, items: reply.items.map(shape) }

export interface Options {
  /** Commands for both servers, the same for every run. */
  readonly commands: (dice: Dice) => Commands
  /** Makes replies comparable whose order or content is open. */
  readonly normalise?: (argv: ReadonlyArray<string>, reply: Wire, protocol: 2 | 3) => Wire
  /** Whether keyspace events are compared too. Default true. */
  readonly events?: boolean
  readonly seed?: number
  /** Compares with a node of a cluster. All keys of a command have to be in one slot then. */
  readonly cluster?: boolean
}

/** Defines the tests of a group. */
export const differential = (
  group: string,
  { cluster = false, commands, events = true, normalise, seed = 7 }: Options
): void => {
  const byDefault = (reply: Wire): Wire => reply.sign === "~" ? unordered(reply) : reply
  onRealServer(`${group} on a real server`, () => {
    let real: RealServer
    beforeAll(async () => {
      real = await (cluster ? RealServer.startCluster() : RealServer.start())
    }, 20_000)
    afterAll(() => real?.stop())

    it("tells clients that cache of the same keys", { timeout: 60_000 }, async () => {
      const connection = await real.connection(2)
      const cache = await real.connection(3)
      await connection.send(["FLUSHALL"])
      await cache.send(["CLIENT", "TRACKING", "ON", "BCAST"])
      const client = fakeServer({ now: Date.now() }).client(2)
      const differences: Array<string> = []
      let count = 0
      for (const argv of commands(dice(seed)).map(words)) {
        await connection.send(argv)
        // A broadcast is sent before the replies of the same turn of the server.
        await cache.send(["PING"])
        const told = cache.pushed.splice(0).flatMap(({ items }) => items![1].items?.map(({ text }) => text) ?? ["*"])
        client.send(argv)
        const ours = [...client.server.changed]
        client.server.changed.clear()
        count += told.length
        const [right, left] = [told, ours].map((keys) => [...new Set(keys)].sort().join(" "))
        if (right !== left) differences.push(`${argv.join(" ")}\n  real ${right}\n  fake ${left}`)
      }
      assert.deepStrictEqual(differences.slice(0, 20), [], `${differences.length} differ`)
      assert.isAbove(count, 10)
      cache.close()
      connection.close()
    })

    for (const protocol of [2, 3] as const) {
      it(`replies the same in RESP${protocol}`, { timeout: 60_000 }, async () => {
        const connection = await real.connection(protocol)
        const watcher = await real.connection(3)
        await connection.send(["FLUSHALL"])
        await watcher.send(["CONFIG", "SET", "notify-keyspace-events", events ? "KEA" : ""])
        void watcher.send(["PSUBSCRIBE", "__keyevent@0__:*"])
        const fake = fakeServer({ now: Date.now() })
        const client = fake.client(protocol)
        const lines = commands(dice(seed)).map(words)
        const replies = await Promise.all(lines.map((argv) => connection.send(argv)))
        const differences: Array<string> = []
        lines.forEach((argv, index) => {
          const text = (reply: Wire | undefined) =>
            reply === undefined ? "no reply" : show(byDefault(normalise?.(argv, reply, protocol) ?? reply))
          const right = text(replies[index])
          const ours = text(client.send(argv))
          if (right !== ours) differences.push(`${index}: ${argv.join(" ")}\n  real ${right}\n  fake ${ours}`)
        })
        assert.deepStrictEqual(differences.slice(0, 20), [], `${differences.length} of ${lines.length} differ`)
        if (events) {
          // Events are delivered before the reply of a later command of the same server.
          const marker = await real.connection(2)
          await marker.send(["PUBLISH", "__keyevent@0__:end", ""])
          await watcher.until(() => watcher.pushed.some(({ items }) => items?.[2]?.text === "__keyevent@0__:end"))
          marker.close()
          const told = watcher.pushed.filter(({ items }) => items?.[0]?.text === "pmessage").slice(0, -1)
          const right = told.map(({ items }) => `${items![2].text.slice("__keyevent@0__:".length)} ${items![3].text}`)
          assert.deepStrictEqual(fake.events, right)
        }
        watcher.close()
        connection.close()
      })
    }
  })
}

/** Whatever happens to those who wait, and in which order: all get an outcome, and nothing is left in the room. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Command from "../src/Command.ts"
import { Queue } from "../src/internal/execution/queue.ts"
import type { Guest } from "../src/internal/execution/queue.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import { connectedTo, start } from "./support/client.ts"
import { primary, replica } from "./support/replicas.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const seeds = Array.from({ length: 4 }, (_, seed) => seed)

/** Whole numbers below a limit. */
const below = (limit: number) => Effect.map(Random.next, (chance) => Math.floor(chance * limit))

describe("a room", () => {
  const layouts = [
    [[0, 5460, "a:7000", "d:7000"], [5461, 10922, "b:7000", "e:7000"], [10923, 16383, "c:7000"]],
    [[0, 10922, "b:7000", "a:7000"], [10923, 16383, "c:7000", "d:7000"]],
    [[0, 5460, "a:7000"], [10923, 16383, "c:7000", "b:7000"]],
    [[0, 5060, "d:7000", "a:7000"], [5061, 16383, "a:7000", "d:7000"]]
  ] as const
  const keys = ["bar", "{b5}", "k2", "k3", "k", "foo", "x", "y"]
  const troubles = [
    "LOADING Redis is loading the dataset in memory",
    "CLUSTERDOWN The cluster is down",
    "CLUSTERDOWN The cluster is down and only accepts read commands",
    "CLUSTERDOWN Hash slot not served",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down",
    "MOVED 5061 b:7000",
    "MOVED 5061 a:7000",
    "ASK 5061 c:7000",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "ERR other"
  ]

  it.effect.each(seeds)("is empty in the end: seed %i", (seed) =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connectedTo(layouts[0], {
        maxWaiting: 40,
        connectionsPerNode: 1 + seed % 2,
        commandTimeout: "10 seconds",
        drainTimeout: "500 millis",
        redirects: RedirectPolicy.make(Schedule.spaced("100 millis"), { within: "5 seconds" })
      })
      const nodes = ["a", "b", "c", "d", "e"].map((name) => cluster.node(`${name}:7000`))
      const names = ["GET", "SET", "BLPOP", "EVALSHA", "EVAL"]
      const heals = (node: (typeof nodes)[number]): void => {
        node.accepts = "all"
        node.frozen = false
        node.on("GET", Reply.bulk(node.key)).on("SET", Reply.simple("OK")).on("EVAL", Reply.bulk("e"))
        node.on("EVALSHA", Reply.error("NOSCRIPT No matching script."))
        node.on("BLPOP", Reply.array([Reply.bulk("k"), Reply.bulk("v")]))
        node.on("ROLE", () => cluster.slots.some(([, , first]) => first === node.key) ? primary() : replica())
      }
      nodes.forEach(heals)
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      const key = Effect.map(below(keys.length), (n) => keys[n])
      const work = Effect.gen(function*(): Effect.fn.Return<Effect.Effect<unknown, Redis.RedisError>> {
        const readFrom = ReadFrom.choices[yield* below(ReadFrom.choices.length)]
        const timeout = ["50 millis", "1 second", "8 seconds"][yield* below(3)] as "1 second"
        const [one, two, three] = [yield* key, yield* key, yield* key]
        switch (yield* below(6)) {
          case 0:
            return run(Redis.get(one).pipe(ReadFrom.provide(readFrom)))
          case 1:
            return run(Redis.get(one).pipe(Command.timeout(timeout), ReadFrom.provide(readFrom)))
          case 2:
            return run(Redis.blpop([one], "1 second"))
          case 3:
          case 4:
            return run(
              Redis.pipeline([Redis.set(one, "1"), Redis.get(two), Redis.set(three, "2"), Redis.get(one)]).pipe(
                ReadFrom.provide(readFrom)
              )
            )
          default:
            return run(Redis.set(one, "1"))
        }
      })
      for (let step = 0; step < 250; step++) {
        const node = nodes[yield* below(nodes.length)]
        const what = yield* below(20)
        if (what < 10) fibers.push(yield* start(Effect.exit(yield* work)))
        else if (what < 12 && fibers.length > 0) yield* Fiber.interrupt(fibers[yield* below(fibers.length)])
        else if (what === 12) {
          node.accepts = "none"
          node.drop()
        } else if (what < 15) {
          const name = names[yield* below(names.length)]
          node.on(name, Reply.error(troubles[yield* below(troubles.length)]))
        } else if (what === 15) node.frozen = true
        else if (what === 16) {
          cluster.slots = layouts[yield* below(layouts.length)]
          yield* start(Effect.exit(service.refresh))
        } else if (what < 19) heals(node)
        else yield* advance([10, 100, 1000][yield* below(3)])
        if (step % 3 === 0) yield* settle
      }
      nodes.forEach(heals)
      yield* advance("40 seconds")
      for (const fiber of fibers) assert.isDefined(fiber.pollUnsafe())
      const room = (service.client.router as unknown as { readonly room: Record<string, unknown> }).room
      const places = room["places"] as Record<string, unknown>
      const all = { ...places, ...room }
      const left = ["queues", "doors", "suspects", "opened", "leaving", "counts"].map((name) =>
        [name, (all[name] as { readonly size: number }).size] as const
      )
      assert.deepStrictEqual(left.filter(([, size]) => size > 0), [])
      assert.deepStrictEqual([places["count"], room["running"]], [0, false])
    }).pipe(Random.withSeed(`waiting ${seed}`)))
})

describe("a queue", () => {
  it.effect.each(seeds)("is the same as a list that is always sorted: seed %i", (seed) =>
    Effect.gen(function*() {
      const queue = new Queue()
      let list: ReadonlyArray<Guest> = []
      const here = () => list.filter(({ gone }) => !gone)
      const staying = (guests: ReadonlyArray<Guest>) => guests.filter(({ gone }) => !gone)
      let now = 0
      const orderly = seed % 2 === 0
      for (let step = 0, ticket = 0; step < 2000; step++) {
        const what = yield* below(10)
        now += yield* below(3)
        if (what < 6) {
          const until = now + (orderly ? 40 : yield* below(80))
          const isOld = !orderly && (yield* below(3)) === 0
          // Tickets are whole numbers; an old one is between two others, and none is given twice.
          ticket++
          const guest = {
            slot: 1,
            readFrom: "primary",
            beside: false,
            reads: (yield* below(4)) === 0,
            until,
            ticket: isOld ? ticket - 20 + 0.5 + step / 10_000 : ticket,
            gone: false,
            leave: () => {}
          } satisfies Guest
          queue.add(guest)
          list = [...list, guest].sort((a, b) => a.ticket! - b.ticket!)
        } else if (what === 6) {
          const all = here()
          if (all.length > 0) all[yield* below(all.length)].gone = true
        } else if (what === 7) {
          const late = staying(queue.takeLate(now))
          const expected = here().filter(({ until }) => until <= now)
          assert.sameMembers([...late], [...expected])
          list = list.filter((guest) => !expected.includes(guest))
        } else if (what === 8) {
          const taken = staying(queue.takeAll(({ reads }) => reads))
          assert.deepStrictEqual(taken, here().filter(({ reads }) => reads))
          list = list.filter((guest) => !taken.includes(guest))
        } else {
          assert.strictEqual(queue.find(() => true), here()[0])
          const count = yield* below(4)
          const taken = queue.take(count, ({ reads }) => reads)
          const first = here().slice(0, taken.length)
          assert.isTrue(staying(taken).every((guest, at) => guest === first[at] && !guest.reads))
          list = list.filter((guest) => !taken.includes(guest))
          if (step % 50 === 0) queue.tidy()
        }
        assert.strictEqual(queue.isEmpty, here().length === 0)
        assert.deepStrictEqual(queue.all(), here())
        assert.isTrue(here().every(({ until }) => until >= queue.dueAt))
      }
    }).pipe(Random.withSeed(`queue ${seed}`)))
})

import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { setTimeout as sleep } from "node:timers/promises"
import { show, words } from "../commands/harness.ts"
import { fakeServer, onRealServer } from "./imitation.ts"
import { RealServer } from "./RealServer.ts"
import type { Connection } from "./RealServer.ts"

type Name = "A" | "B" | "C" | "writer"

/** Who sends what; several commands are one transaction. A number lets so many milliseconds pass. */
type Step = readonly [Name, string | ReadonlyArray<string>] | number

const scenarios: Readonly<Record<string, ReadonlyArray<Step>>> = {
  "who waits longest is served first": [
    ["A", "BLPOP l 0"],
    ["B", "BRPOP l 0"],
    ["C", "BLPOP l 0"],
    ["writer", "RPUSH l 1 2"],
    ["writer", "RPUSH l 3"],
    ["writer", "EXISTS l"]
  ],
  "the key that was written first serves, not the first that was named": [
    ["A", "BLPOP a b c 0"],
    ["writer", ["RPUSH c 1", "RPUSH b 2", "RPUSH a 3"]],
    ["writer", "LRANGE c 0 -1"],
    ["writer", "LRANGE b 0 -1"],
    ["B", "BZPOPMIN x y 0"],
    ["writer", ["ZADD y 1 m", "ZADD x 2 n"]]
  ],
  "nothing is there any more when the transaction ends": [
    ["A", "BLPOP l 0"],
    ["writer", ["RPUSH l 1", "DEL l"]],
    ["writer", ["RPUSH l 1", "LPOP l"]],
    ["writer", ["RPUSH l 1", "DEL l", "RPUSH l 2"]]
  ],
  "a value of another type wakes nobody": [
    ["A", "BLPOP k 0"],
    ["B", "BZPOPMAX k 0"],
    ["writer", "SET k text"],
    ["writer", ["DEL k", "SADD k a"]],
    ["writer", ["DEL k", "ZADD k 1 m 2 n"]],
    ["writer", "DEL k"],
    ["writer", "LPUSH k x"]
  ],
  "moves from list to list to a client that waits there": [
    ["A", "BLMOVE a b LEFT RIGHT 0"],
    ["B", "BRPOPLPUSH b c 0"],
    ["C", "BLPOP c 0"],
    ["writer", "RPUSH a 1"],
    ["writer", "EXISTS a b c"]
  ],
  "a move learns of its target's type when it is served": [
    ["writer", "SET target text"],
    ["A", "BLMOVE a target LEFT LEFT 0"],
    ["B", "BLPOP a 0"],
    ["writer", "RPUSH a 1"],
    ["writer", "BLMOVE none target LEFT LEFT 0.05"],
    100,
    ["writer", "BLMOVE target none LEFT LEFT 0.05"]
  ],
  "a list may be moved onto itself": [
    ["A", "BLMOVE a a LEFT RIGHT 0"],
    ["writer", "RPUSH a 1 2"],
    ["writer", "LRANGE a 0 -1"]
  ],
  "takes many at once": [
    ["A", "BLMPOP 0 2 a b RIGHT COUNT 2"],
    ["B", "BLMPOP 0 1 b LEFT COUNT 10"],
    ["writer", "RPUSH b 1 2 3"],
    ["C", "BZMPOP 0 2 x y MAX COUNT 2"],
    ["A", "BZMPOP 0 1 y MIN"],
    ["writer", "ZADD y 1 a 2 b 3.5 c"]
  ],
  "one push serves different commands": [
    ["A", "BZPOPMIN z 0"],
    ["B", "BZPOPMAX z 0"],
    ["C", "BZMPOP 0 1 z MIN COUNT 5"],
    ["writer", "ZADD z 1 a 2 b 3 c 4 d"],
    ["writer", "EXISTS z"]
  ],
  "a renamed or stored key counts as written": [
    ["A", "BLPOP l 0"],
    ["writer", "RPUSH other 1"],
    ["writer", "RENAME other l"],
    ["B", "BZPOPMIN z 0"],
    ["writer", "SADD s a"],
    ["writer", "ZUNIONSTORE z 1 s"]
  ],
  "times out": [
    ["A", "BLPOP l 0.05"],
    ["B", "BLMOVE l m LEFT RIGHT 0.05"],
    ["C", "BZPOPMIN l 0.05"],
    100,
    ["A", "BLMPOP 0.05 1 l LEFT"],
    ["B", "BRPOPLPUSH l m 0.05"],
    ["C", "BZMPOP 0.05 1 l MIN"],
    100,
    ["writer", "RPUSH l 1"],
    ["writer", "LLEN l"]
  ],
  "waits for nothing in a transaction": [
    ["writer", [
      "BLPOP l 0",
      "BLMOVE l m LEFT RIGHT 0",
      "BRPOPLPUSH l m 0",
      "BLMPOP 0 1 l LEFT",
      "BZPOPMIN l 0",
      "BZMPOP 0 1 l MIN"
    ]]
  ]
}

onRealServer("clients that wait, on a real server", () => {
  let real: RealServer
  beforeAll(async () => {
    real = await RealServer.start()
  })
  afterAll(() => real?.stop())

  for (const protocol of [2, 3] as const) {
    for (const [title, steps] of Object.entries(scenarios)) {
      it(`${title}, in RESP${protocol}`, async () => {
        const watcher = await real.connection(2)
        await watcher.send(["FLUSHALL"])
        const fake = fakeServer()
        const names = ["A", "B", "C", "writer"] as const
        const reals = new Map<Name, Connection>()
        for (const name of names) reals.set(name, await real.connection(protocol))
        const fakes = new Map(names.map((name) => [name, fake.client(protocol)]))
        const expected: Array<string> = []
        const actual: Array<string> = []
        for (const step of steps) {
          if (typeof step === "number") {
            fake.advance(step)
          } else {
            const [name, line] = step
            const connection = reals.get(name)!
            const client = fakes.get(name)!
            if (typeof line === "string") {
              void connection.send(words(line)).then((reply) => expected.push(`${name} ${show(reply)}`))
              const reply = client.wire(line)
              if (reply !== undefined) actual.push(`${name} ${show(reply)}`)
            } else {
              void connection.send(["MULTI"])
              for (const one of line) void connection.send(words(one))
              void connection.send(["EXEC"]).then((reply) => expected.push(`${name} ${show(reply)}`))
              const items = fake.together(client, line)
              actual.push(`${name} ${show({ sign: "*", text: "", items })}`)
            }
          }
          for (const name of names) {
            actual.push(...fakes.get(name)!.inbox.splice(0).map((reply) => `${name} ${reply}`))
          }
          // The next step must not overtake this one: until as many clients wait, and as many replies came.
          for (let tries = 0; tries < 12_000; tries++) {
            const info = await watcher.send(["INFO", "clients"])
            const blocked = /blocked_clients:(\d+)/.exec(info.text)?.[1]
            // A timeout that the next step waits for may be over already.
            if (expected.length > actual.length) break
            if (blocked === String(fake.blocked) && expected.length === actual.length) break
            await sleep(5)
          }
        }
        // Replies to several clients arrive in no order.
        assert.deepStrictEqual(actual.toSorted(), expected.toSorted())
        watcher.close()
        for (const connection of reals.values()) connection.close()
      })
    }
  }
})

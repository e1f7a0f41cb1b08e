/**
 * Scripts and functions, run by a real server in cluster mode and by the simulated one: the replies have to be the same.
 */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { show, wire } from "../commands/harness.ts"
import type { Wire } from "../commands/harness.ts"
import { unordered } from "./driver.ts"
import { fakeServer, onRealServer } from "./imitation.ts"
import { RealServer } from "./RealServer.ts"
import type { Connection } from "./RealServer.ts"
import { json } from "./scripts/json.ts"
import { language } from "./scripts/language.ts"
import { libraries } from "./scripts/libraries.ts"
import { packing } from "./scripts/packing.ts"
import { persistence } from "./scripts/persistence.ts"
import { replies } from "./scripts/replies.ts"

const groups = { language, replies, json, packing, persistence, libraries }

const oneLine = (text: string) => text.replace(/[\r\n]/g, " ")

/** The order of libraries, and of the functions of one, is that of a hash table with a random seed. */
const comparable = (argv: ReadonlyArray<string>, reply: Wire): string => {
  const deep = (one: Wire): Wire => one.items === undefined ? one : unordered({ ...one, items: one.items.map(deep) })
  return oneLine(show(argv[0] === "FUNCTION" && argv[1] === "LIST" ? deep(reply) : reply))
}

onRealServer("scripts on a real server", () => {
  let real: RealServer
  let admin: Connection
  const fake = fakeServer({ now: Date.now() })

  beforeAll(async () => {
    real = await RealServer.startCluster()
    admin = await real.connection(2)
  })

  afterAll(async () => {
    admin?.close()
    await real?.stop()
  })

  for (const protocol of [2, 3] as const) {
    for (const [group, rows] of Object.entries(groups)) {
      it(`${group} in RESP${protocol}`, async () => {
        await admin.send(["FLUSHALL"])
        fake.keys.clear()
        const connection = await real.connection(protocol)
        const client = fake.client(protocol)
        const differences: Array<string> = []
        for (const row of rows) {
          const argv = typeof row === "string" ? ["EVAL", row, "0"] : row
          const right = comparable(argv, await connection.send(argv))
          const reply = fake.run(client, argv)
          const ours = reply === undefined ? "no reply" : comparable(argv, wire(reply, protocol, fake.node.version))
          if (right !== ours) differences.push(`${argv.join(" ")}\n  real ${right}\n  fake ${ours}`)
        }
        connection.close()
        assert.deepStrictEqual(differences, [])
      })
    }
  }

  it("restores what the other has dumped", async () => {
    const repeated = Array.from(
      { length: 20 },
      (_, i) => `redis.register_function('f${i}', function() return ${i} end)`
    )
    const code = `#!lua name=many\n${repeated.join("\n")}`
    const client = fake.client(2)
    const ask = (argv: ReadonlyArray<string>) => wire(fake.run(client, argv)!, 2, fake.node.version)
    await admin.send(["FUNCTION", "FLUSH"])
    ask(["FUNCTION", "FLUSH"])
    await admin.send(["FUNCTION", "LOAD", code])
    const theirs = (await admin.send(["FUNCTION", "DUMP"])).text
    assert.isBelow(theirs.length, code.length)
    assert.strictEqual(show(ask(["FUNCTION", "RESTORE", theirs])), "+OK")
    assert.strictEqual(show(ask(["FCALL", "f19", "0"])), ":19")
    const ours = ask(["FUNCTION", "DUMP"]).text
    assert.strictEqual(show(await admin.send(["FUNCTION", "RESTORE", ours, "FLUSH"])), "+OK")
    assert.strictEqual(show(await admin.send(["FCALL", "f19", "0"])), ":19")
  })
})

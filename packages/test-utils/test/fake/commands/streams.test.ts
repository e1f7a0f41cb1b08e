import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const same = (rows: ReadonlyArray<Row>) => {
  for (const protocol of [2, 3] as const) {
    const { actual, expected } = transcript(rows, protocol)
    assert.deepStrictEqual(actual, expected)
  }
}

const moment = 1_700_000_000_000

describe("adding", () => {
  it("chooses IDs by the clock, and never an older one", () => {
    const server = new Server({ now: moment })
    const client = server.client()
    assert.strictEqual(client.run("XADD s * f 1"), `${moment}-0`)
    assert.strictEqual(client.run("XADD s * f 1"), `${moment}-1`)
    server.advance(5)
    assert.strictEqual(client.run("XADD s * f 1"), `${moment + 5}-0`)
    assert.strictEqual(client.run(`XADD s ${moment + 9}-* f 1`), `${moment + 9}-0`)
    assert.strictEqual(client.run("XADD s * f 1"), `${moment + 9}-1`)
  })

  it("trims", () => {
    same([
      ["XADD s 1-1 f 1", "1-1"],
      ["XADD s 1-* f 1", "1-2"],
      ["XADD s MAXLEN = 2 2 f 1", "2-0"],
      ["XADD s NOMKSTREAM MINID 2 3-5 f 1", "3-5"],
      ["XRANGE s - +", "[[2-0 [f 1]] [3-5 [f 1]]]"],
      ["XADD s MAXLEN ~ 0 4 f 1", "4-0"],
      ["XLEN s", ":0"],
      ["XADD none NOMKSTREAM 1 f 1", "nil"],
      ["XADD s 4 f 1", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"]
    ])
  })

  it("keeps blocks as large as the configuration says", () => {
    const server = new Server()
    server.config.set("stream-node-max-entries", "2")
    const client = server.client()
    for (let i = 1; i <= 7; i++) client.run(`XADD s ${i} f 1`)
    assert.strictEqual(client.run("XTRIM s MAXLEN ~ 4"), ":2")
    assert.strictEqual(client.run("XTRIM s MINID ~ 6"), ":2")
    assert.strictEqual(client.run("XTRIM s MINID ~ 7 LIMIT 1"), ":0")
    assert.strictEqual(client.run("XTRIM s MAXLEN 2"), ":1")
    assert.strictEqual(client.run("XRANGE s - +"), "[[6-0 [f 1]] [7-0 [f 1]]]")
  })
})

describe("reading", () => {
  it("answers streams as a map in RESP3", () => {
    same([
      ["XADD a 1 f 1", "1-0"],
      ["XADD b 2 f 1", "2-0"],
      ["XREAD STREAMS a b none 0 0 0", "[[a [[1-0 [f 1]]]] [b [[2-0 [f 1]]]]]", "{a [[1-0 [f 1]]] b [[2-0 [f 1]]]}"],
      ["XREAD STREAMS a 1", "nil*", "nil"],
      ["XREAD STREAMS a $", "nil*", "nil"],
      ["XREVRANGE b + - COUNT 1", "[[2-0 [f 1]]]"],
      ["XRANGE b - + COUNT 0", "nil*", "nil"]
    ])
  })

  it("ends a wait when its time is up", () => {
    const server = new Server()
    const [reader, writer] = [server.client(), server.client(3)]
    assert.strictEqual(reader.run("XREAD BLOCK 100 STREAMS s $"), "blocked")
    server.advance(99)
    assert.deepStrictEqual(reader.inbox, [])
    server.advance(1)
    assert.deepStrictEqual(reader.inbox.splice(0), ["nil*"])
    writer.run("XADD s 1 f 1")
    assert.deepStrictEqual(reader.inbox, [])
  })

  it("does not wait where it must not", () => {
    const server = new Server()
    assert.strictEqual(server.client(2, false).run("XREAD BLOCK 0 STREAMS s $"), "nil*")
  })

  it("wakes the readers in the order in which they came", () => {
    const server = new Server()
    const clients = [server.client(), server.client(3)]
    const writer = server.client()
    writer.run("XGROUP CREATE s g $ MKSTREAM")
    for (const client of clients) client.run("XREADGROUP GROUP g c BLOCK 0 STREAMS s >")
    writer.run("XADD s 1 f 1")
    assert.deepStrictEqual(clients.map(({ inbox }) => inbox), [["[[s [[1-0 [f 1]]]]]"], []])
    writer.run("XGROUP DESTROY s g")
    assert.deepStrictEqual(clients[1].inbox, [
      "-NOGROUP the consumer group this client was blocked on no longer exists"
    ])
  })
})

describe("what is pending", () => {
  it("grows older", () => {
    const server = new Server({ now: moment })
    const client = server.client(3)
    client.run("XGROUP CREATE s g $ MKSTREAM")
    client.run("XADD s 1 f 1")
    client.run("XADD s 2 f 1")
    client.run("XREADGROUP GROUP g old STREAMS s >")
    server.advance(1500)
    assert.strictEqual(client.run("XPENDING s g - + 9"), "[[1-0 old :1500 :1] [2-0 old :1500 :1]]")
    assert.strictEqual(client.run("XPENDING s g IDLE 1501 - + 9"), "[]")
    assert.strictEqual(client.run("XINFO CONSUMERS s g"), "[{name old pending :2 idle :1500}]")
    assert.strictEqual(client.run("XCLAIM s g new 1501 1"), "[]")
    assert.strictEqual(client.run("XCLAIM s g new 1500 1"), "[[1-0 [f 1]]]")
    server.advance(10)
    assert.strictEqual(client.run("XPENDING s g - + 9"), "[[1-0 new :10 :2] [2-0 old :1510 :1]]")
    assert.strictEqual(client.run("XAUTOCLAIM s g new 100 - JUSTID"), "[0-0 [2-0] []]")
    assert.strictEqual(client.run("XPENDING s g"), "[:2 1-0 2-0 [[new 2]]]")
    assert.strictEqual(
      client.run("XINFO STREAM s FULL"),
      "{length :2 radix-tree-keys :1 radix-tree-nodes :2 last-generated-id 2-0 max-deleted-entry-id 0-0 " +
        "entries-added :2 recorded-first-entry-id 1-0 entries [[1-0 [f 1]] [2-0 [f 1]]] groups " +
        "[{name g last-delivered-id 2-0 entries-read :2 lag :0 pel-count :2 pending " +
        `[[1-0 new :${moment + 1500} :2] [2-0 new :${moment + 1510} :1]] consumers ` +
        `[{name new seen-time :${moment + 1510} pel-count :2 pending ` +
        `[[1-0 :${moment + 1500} :2] [2-0 :${moment + 1510} :1]]} ` +
        `{name old seen-time :${moment} pel-count :0 pending []}]}]}`
    )
  })

  it("is history until it is acknowledged, with deleted entries as empty ones", () => {
    same([
      ["XGROUP CREATE s g 0 MKSTREAM", "+OK"],
      ["XADD s 1 f 1", "1-0"],
      ["XADD s 2 f 1", "2-0"],
      ["XADD s 3 f 1", "3-0"],
      ["XREADGROUP GROUP g c COUNT 2 STREAMS s >", "[[s [[1-0 [f 1]] [2-0 [f 1]]]]]", "{s [[1-0 [f 1]] [2-0 [f 1]]]}"],
      ["XREADGROUP GROUP g c NOACK STREAMS s >", "[[s [[3-0 [f 1]]]]]", "{s [[3-0 [f 1]]]}"],
      ["XACK s g 1 3 9", ":1"],
      ["XDEL s 2", ":1"],
      ["XREADGROUP GROUP g c STREAMS s 0", "[[s [[2-0 nil*]]]]", "{s [[2-0 nil]]}"],
      ["XAUTOCLAIM s g d 0 0", "[0-0 [] [2-0]]"],
      ["XREADGROUP GROUP g c STREAMS s 0", "[[s []]]", "{s []}"],
      ["XPENDING s g", "[:0 nil nil nil*]", "[:0 nil nil nil]"]
    ])
  })

  it("survives a copy, which shares nothing", () => {
    const server = new Server()
    const client = server.client()
    client.run("XGROUP CREATE s g 0 MKSTREAM")
    client.run("XADD s 1 f 1")
    client.run("XREADGROUP GROUP g c STREAMS s >")
    assert.strictEqual(client.run("COPY s t"), ":1")
    client.run("XACK s g 1")
    client.run("XDEL s 1")
    assert.strictEqual(client.run("XPENDING t g"), "[:1 1-0 1-0 [[c 1]]]")
    assert.strictEqual(client.run("XRANGE t - +"), "[[1-0 [f 1]]]")
    assert.strictEqual(client.run("XPENDING s g"), "[:0 nil nil nil*]")
  })
})

describe("WATCH", () => {
  it("sees entries, not what groups do", () => {
    const server = new Server()
    const client = server.client()
    client.run("XGROUP CREATE s g 0 MKSTREAM")
    client.run("XADD s 1 f 1")
    const watcher = { dirty: false }
    server.keys.watch("s", watcher)
    for (
      const line of [
        "XREADGROUP GROUP g c STREAMS s >",
        "XCLAIM s g d 0 1",
        "XACK s g 1",
        "XGROUP CREATE s h 0",
        "XGROUP DESTROY s h",
        "XSETID s 5"
      ]
    ) {
      client.run(line)
      assert.isFalse(watcher.dirty, line)
    }
    client.run("XADD s 6 f 1")
    assert.isTrue(watcher.dirty)
  })
})

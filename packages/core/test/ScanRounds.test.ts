/** What a scan may conclude from what a node says of itself before and after its keys were read. */
import { assert, describe, it } from "@effect/vitest"
import * as Pattern from "../src/internal/scan/pattern.ts"
import { Progress } from "../src/internal/scan/progress.ts"
import * as Slots from "../src/internal/scan/slots.ts"
import * as Standing from "../src/internal/scan/standing.ts"
import type { Round } from "../src/internal/values/checkpoint.ts"
import * as Redis from "../src/Redis.ts"
import * as Slot from "../src/Slot.ts"

/** A node's answer to CLUSTER NODES, by what is behind the flags of its own line. */
const answer = (epoch: number, slots: string, flags = "master", id = "p") => {
  const lines = `q 10.0.0.2:6379@16379 master - 0 0 9 connected 9000-16383\n` +
    `${id} 10.0.0.1:6379@16379 myself,${flags} - 0 0 ${epoch} connected${slots === "" ? "" : ` ${slots}`}\n`
  const nodes = Redis.clusterNodes().decode(lines)
  const found = Standing.read(nodes)
  assert.isDefined(found)
  return found
}

const done = (before: Standing.Standing, after: Standing.Standing, wanted = Slots.all()) =>
  Slots.toRanges(Standing.settled(before, after, wanted))

describe("the slots that are done after a round", () => {
  it("are those that the node had all the time", () => {
    assert.deepStrictEqual(done(answer(3, "0-99"), answer(3, "0-99")), [[0, 99]])
    assert.deepStrictEqual(done(answer(3, "0-99"), answer(3, "0-9 20-99")), [[0, 9], [20, 99]])
  })

  it("are only wanted ones", () => {
    assert.deepStrictEqual(done(answer(3, "0-99"), answer(3, "0-99"), Slots.only(5, 500)), [[5, 5]])
  })

  it("are none of those that arrived meanwhile, although the epoch is as before", () => {
    assert.deepStrictEqual(done(answer(3, "0-99"), answer(3, "0-101")), [[0, 99]])
  })

  it("are none when the epoch has changed: a slot may have left and come back", () => {
    assert.deepStrictEqual(done(answer(5, "0-99"), answer(7, "0-99")), [])
  })

  it("are none when keys have both left and come: a migration may have been called off", () => {
    const busy = (earlier: Standing.Traffic, later = earlier) => ({
      ...answer(3, "0-99"),
      traffic: earlier,
      laterTraffic: later
    })
    const before = busy({ sent: 1, received: 5 })
    assert.deepStrictEqual(done(before, busy({ sent: 2, received: 5 })), [[0, 99]])
    assert.deepStrictEqual(done(before, busy({ sent: 1, received: 9 })), [[0, 99]])
    assert.deepStrictEqual(done(before, busy({ sent: 2, received: 6 })), [])
    assert.deepStrictEqual(done(before, busy({ sent: 1, received: 5 }, { sent: 2, received: 6 })), [])
    assert.deepStrictEqual(done(busy({ sent: 0, received: 0 }, { sent: 1, received: 5 }), before), [])
  })

  it("know how often a node has sent and received keys by what it has counted", () => {
    const calls = { "cmdstat_migrate": "calls=3,usec=9", "cmdstat_restore-asking": "calls=12,usec=9" }
    assert.deepStrictEqual(Standing.trafficOf(calls), { sent: 3, received: 12 })
    assert.deepStrictEqual(Standing.trafficOf({}), Standing.still)
  })

  it("are none of those that were open before or after", () => {
    assert.deepStrictEqual(done(answer(3, "0-9 [4->-q]"), answer(3, "0-9 [6-<-q]")), [[0, 3], [5, 5], [7, 9]])
  })

  it("are none when the node was, or is, a replica, or another node", () => {
    assert.deepStrictEqual(done(answer(3, "0-9"), answer(3, "", "slave")), [])
    assert.deepStrictEqual(done(answer(3, "0-9", "slave"), answer(3, "0-9")), [])
    assert.deepStrictEqual(done(answer(3, "0-9"), answer(3, "0-9", "master", "other")), [])
  })
})

describe("a slot on its way from its owner to another node", () => {
  const owner = answer(3, "0-9 [4->-t]")
  const target = answer(8, "20-29 [4-<-p]", "master", "t")
  const twice = <A>(before: A, after = before) => ({ before, after })

  it("is done when both have stood still", () => {
    assert.isTrue(Standing.settledLeaving(4, twice(owner), twice(target)))
  })

  it("is not when it has closed, been taken, or gone elsewhere", () => {
    const moved = answer(3, "0-3 5-9")
    const elsewhere = answer(3, "0-9 [4->-u]")
    for (const after of [moved, elsewhere, answer(4, "0-9 [4->-t]")]) {
      assert.isFalse(Standing.settledLeaving(4, twice(owner, after), twice(target)))
    }
    const taken = answer(8, "4 20-29", "master", "t")
    assert.isFalse(Standing.settledLeaving(4, twice(owner), twice(target, taken)))
    assert.isFalse(Standing.settledLeaving(4, twice(elsewhere), twice(target)))
  })

  it("is known to its owner, among the wanted ones", () => {
    assert.deepStrictEqual(Standing.leaving(owner, Slots.all()), [4])
    assert.deepStrictEqual(Standing.leaving(owner, Slots.only(5)), [])
  })
})

describe("sets of slots", () => {
  it("become ranges and sets again", () => {
    for (const ranges of [[], [[0, Slot.count - 1]], [[0, 0], [5, 9], [16383, 16383]]] as ReadonlyArray<Slots.Ranges>) {
      assert.deepStrictEqual(Slots.toRanges(Slots.fromRanges(ranges)), ranges)
      assert.isTrue(Slots.areRanges(ranges))
    }
  })

  it("are refused from outside when they are none", () => {
    for (
      const wrong of [undefined, "0-9", [[0]], [[-1, 4]], [[5, 4]], [[0, 16384]], [[0, 1.5]], [["0", "1"]], [null]]
    ) {
      assert.isFalse(Slots.areRanges(wrong))
    }
  })
})

describe("progress", () => {
  const round: Round = { node: "p", run: "r", epoch: 3, traffic: Standing.still, cursor: "17", slots: [[0, 9]] }

  it("is made by what is delivered, and gives the same arrays while nothing changes", () => {
    const progress = new Progress(Slots.none(), [])
    progress.take({ _tag: "Keys", keys: [], round })
    assert.deepStrictEqual(progress.roundList, [round])
    assert.strictEqual(progress.roundList, progress.roundList)
    assert.strictEqual(progress.doneRanges, progress.doneRanges)
    progress.take({ _tag: "Done", node: "p", slots: Slots.fromRanges([[0, 9]]) })
    assert.deepStrictEqual([progress.count, progress.doneRanges, progress.roundList], [10, [[0, 9]], []])
    progress.take({ _tag: "Done", node: "p", slots: Slots.all() })
    assert.isTrue(progress.isComplete)
    assert.strictEqual(progress.count, Slot.count)
  })

  it("loses a round that came to nothing", () => {
    const progress = new Progress(Slots.none(), [round])
    progress.take({ _tag: "Void", node: "p" })
    assert.deepStrictEqual([progress.count, progress.roundList], [0, []])
  })
})

const encoder = new TextEncoder()

describe("the slot that a pattern implies", () => {
  it.each([
    ["{user:1}:*", "{user:1}:name"],
    ["a{user:1}*", "a{user:1}"],
    ["\\{user:1\\}:*", "{user:1}:name"],
    ["{a\\*b}?", "{a*b}1"],
    ["user:1", "user:1"],
    ["user\\*", "user*"],
    ["{a}{b}*", "{a}"],
    ["a\\", "a\\"],
    ["", ""]
  ])("is that of its tag, or of the only key: %s", (pattern, key) => {
    assert.strictEqual(Pattern.slotOf(encoder.encode(pattern)), Slot.fromKey(key))
  })

  it.each(["*", "user:*", "*{user:1}", "{user:*}:1", "{user:?}", "{}*", "{}{a}*", "{user:1*", "[{]a}*", "us[e]r{a}"])(
    "is none where another key may match: %s",
    (pattern) => {
      assert.isUndefined(Pattern.slotOf(encoder.encode(pattern)))
    }
  )

  it("is found in bytes", () => {
    const pattern = Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d, 0x2a)
    assert.strictEqual(Pattern.slotOf(pattern), Slot.fromKey(Uint8Array.of(0xff, 0xfe)))
  })
})

describe("matching", () => {
  it.each([
    ["*", "", true],
    ["*", "abc", true],
    ["a*c", "abbc", true],
    ["a*c", "abcd", false],
    ["**a", "ba", true],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["[a-c]x", "bx", true],
    ["[c-a]x", "bx", true],
    ["[^a]x", "bx", true],
    ["[^a]x", "ax", false],
    ["[\\]]x", "]x", true],
    ["[a", "a", true],
    ["[]a", "a", false],
    ["a\\*", "a*", true],
    ["a\\*", "ab", false],
    ["a\\", "a\\", true],
    ["", "", true],
    ["", "a", false],
    ["a*b*c*d", "axxbxxcxx", false],
    ["*a*", "xxaxx", true]
  ])("%s with %s: %s", (pattern, key, expected) => {
    assert.strictEqual(Pattern.matches(encoder.encode(pattern), encoder.encode(key)), expected)
  })

  it("takes many stars in a short time", () => {
    assert.isFalse(Pattern.matches(encoder.encode("a*".repeat(50) + "b"), encoder.encode("a".repeat(2000))))
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Address from "../src/Address.ts"
import { Layouts } from "../src/internal/topology/layouts.ts"
import type * as Resp from "../src/Resp.ts"
import * as SlotMap from "../src/SlotMap.ts"

const a = Address.tcp("10.0.0.1", 7000)
const b = Address.tcp("10.0.0.2", 7000)

/** What a node replies: half of the slots are at the one, half at the other. It is made anew each time. */
const reply = (border: number, host: string | null = "10.0.0.1"): Resp.Value => [
  [0, border, [host, 7000, "a", new Map()]],
  [border + 1, 16383, ["10.0.0.2", 7000, "b", new Map([["hostname", "two"]])]]
]

const read = (layouts: Layouts, value: Resp.Value, origin: Address.Address) =>
  Result.getOrThrow(layouts.read(value, origin))

describe("Layouts", () => {
  it("reads once what several nodes tell alike", () => {
    const layouts = new Layouts(5, {})
    assert.strictEqual(read(layouts, reply(8000), a), read(layouts, reply(8000), b))
  })

  it("reads anew what differs anywhere", () => {
    const layouts = new Layouts(5, {})
    const first = read(layouts, reply(8000), a)
    const named = [
      [0, 8000, ["10.0.0.1", 7000, "a", new Map()]],
      [8001, 16383, ["10.0.0.2", 7000, "b", new Map([["hostname", "zwei"]])]]
    ]
    for (const other of [reply(8001), named, [...reply(8000) as ReadonlyArray<Resp.Value>].slice(1)]) {
      assert.notStrictEqual(read(layouts, other, a), first)
    }
    assert.strictEqual(read(layouts, reply(8000), b), first)
  })

  it("takes a host that is left out for that of whoever tells it", () => {
    for (const host of [null, ""]) {
      const layouts = new Layouts(5, {})
      const [one, other] = [a, b].map((origin) =>
        read(layouts, reply(8000, host), origin).map.shards[0].primary?.address
      )
      assert.deepStrictEqual([one?.key, other?.key], [a.key, b.key])
    }
  })

  it("takes it so in CLUSTER SHARDS as well", () => {
    const node = ["id", "x", "port", 7000, "endpoint", "", "role", "master", "health", "online"]
    const layouts = new Layouts(5, {})
    const [one, other] = [a, b].map((origin) =>
      Result.getOrThrow(layouts.read([["slots", [0, 1], "nodes", [node]]], origin, SlotMap.fromClusterShards))
    )
    const keys = [one, other].map(({ map }) => map.shards[0].primary?.address.key)
    assert.deepStrictEqual(keys, [a.key, b.key])
  })

  it("asks an addressMap each time", () => {
    let port = 1
    const layouts = new Layouts(5, { addressMap: () => Address.tcp("nat", port++) })
    const [one, other] = [a, b].map((origin) => Array.from(read(layouts, reply(8000), origin).map.nodes.keys()))
    assert.deepStrictEqual([one, other], [["nat:1", "nat:2"], ["nat:3", "nat:4"]])
  })

  it("forgets the oldest beyond its limit", () => {
    const layouts = new Layouts(2, {})
    const first = read(layouts, reply(1000), a)
    read(layouts, reply(2000), a)
    const third = read(layouts, reply(3000), a)
    assert.notStrictEqual(read(layouts, reply(1000), a), first)
    assert.strictEqual(read(layouts, reply(3000), a), third)
  })

  it("keeps nothing of a reply that makes no sense", () => {
    const layouts = new Layouts(2, {})
    const first = read(layouts, reply(1000), a)
    for (let n = 0; n < 3; n++) assert.isTrue(Result.isFailure(layouts.read("nonsense", a)))
    assert.strictEqual(read(layouts, reply(1000), a), first)
  })
})

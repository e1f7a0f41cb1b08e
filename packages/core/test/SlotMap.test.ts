import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Address from "../src/Address.ts"
import * as Resp from "../src/Resp.ts"
import * as SlotMap from "../src/SlotMap.ts"

const origin = Address.tcp("127.0.0.1", 27411)
const at = (port: number) => Address.tcp("127.0.0.1", port)

type Options = Partial<SlotMap.ReplyOptions>
const readSlots = (reply: Resp.Value, options?: Options) => SlotMap.fromClusterSlots(reply, { origin, ...options })
const readShards = (reply: Resp.Value, options?: Options) => SlotMap.fromClusterShards(reply, { origin, ...options })
const slots = (reply: Resp.Value, options?: Options) => Result.getOrThrowWith(readSlots(reply, options), Error)
const shards = (reply: Resp.Value, options?: Options) => Result.getOrThrowWith(readShards(reply, options), Error)
const problem = (result: Result.Result<unknown, string>): string => Result.getOrThrow(Result.flip(result))

const owner = (map: SlotMap.SlotMap, slot: number) => SlotMap.shardOf(map, slot)?.primary?.address.key
const replicas = (map: SlotMap.SlotMap, slot: number) =>
  SlotMap.shardOf(map, slot)?.replicas.map((node) => node.address.key)
const ranges = (map: SlotMap.SlotMap) =>
  SlotMap.ranges(map).map(({ end, shard, start }) => [start, end, shard.primary?.address.key])

/** The record as RESP2 sends it, and as RESP3 does. */
type Fields = { readonly [name: string]: Resp.Value }
const flat = (record: Fields): Resp.Value => Object.entries(record).flat()
const map3 = (record: Fields): Resp.Value => new Map(Object.entries(record))

const id1 = "03635d776c25327cee29ed96869f364ee49e4b3e"
const id2 = "2f91ef37a40e67ad6a2129b934f1b36016be0ac3"
const id3 = "12669eb52cd91ebd4c33ae765a8636473394d547"
const id4 = "973e093472fcbcafefc90181021c3bef3ecbba91"

/** What a cluster of Redis 7.0.15 said: three primaries, a replica of the first, slot 100 moved to the second. */
const recordedSlots = (metadata: Resp.Value): Resp.Value => {
  const [one, two, three, four] = [[27411, id1], [27412, id2], [27413, id3], [27414, id4]]
    .map(([port, id]) => ["127.0.0.1", port, id, metadata])
  return [
    [0, 99, one, four],
    [100, 100, two],
    [101, 5460, one, four],
    [5461, 10922, two],
    [10923, 16383, three]
  ]
}

const recordedShards = (record: (fields: Fields) => Resp.Value, replicaHealth = "online"): Resp.Value => {
  const node = (id: string, port: number, role: string, offset: number, health = "online") =>
    record({ id, port, ip: "127.0.0.1", endpoint: "127.0.0.1", role, "replication-offset": offset, health })
  return [
    record({
      slots: [0, 99, 101, 5460],
      nodes: [node(id1, 27411, "master", 56), node(id4, 27414, "replica", 56, replicaHealth)]
    }),
    record({ slots: [10923, 16383], nodes: [node(id3, 27413, "master", 0)] }),
    record({ slots: [100, 100, 5461, 10922], nodes: [node(id2, 27412, "master", 0)] })
  ]
}

const recordedRanges = [
  [0, 99, "127.0.0.1:27411"],
  [100, 100, "127.0.0.1:27412"],
  [101, 5460, "127.0.0.1:27411"],
  [5461, 10922, "127.0.0.1:27412"],
  [10923, 16383, "127.0.0.1:27413"]
]

const node = (fields?: Fields): Fields => ({
  id: "a",
  port: 7000,
  ip: "10.0.0.1",
  endpoint: "10.0.0.1",
  role: "master",
  ...fields
})
const shard = (nodes: ReadonlyArray<Fields>, ranges: Resp.Value = [0, 16383]): Resp.Value =>
  flat({ slots: ranges, nodes: nodes.map(flat) })

describe("SlotMap", () => {
  it("empty assigns no slot", () => {
    assert.strictEqual(SlotMap.empty.assigned, 0)
    assert.isUndefined(SlotMap.shardOf(SlotMap.empty, 0))
    assert.deepStrictEqual(SlotMap.ranges(SlotMap.empty), [])
  })

  it("shardOf knows nothing of slots out of range", () => {
    const map = slots(recordedSlots([]))
    for (const slot of [-1, 16384, 1.5, Number.NaN]) assert.isUndefined(SlotMap.shardOf(map, slot))
  })

  describe("fromClusterSlots", () => {
    it.each([["RESP2", []], ["RESP3", new Map()]] as const)("reads a reply of Redis 7.0.15 in %s", (_, metadata) => {
      const map = slots(recordedSlots(metadata))
      assert.strictEqual(map.assigned, 16384)
      assert.strictEqual(map.shards.length, 3)
      assert.deepStrictEqual(Array.from(map.nodes.keys()), [27411, 27414, 27412, 27413].map((port) => at(port).key))
      assert.deepStrictEqual(ranges(map), recordedRanges)
      assert.deepStrictEqual(SlotMap.shardOf(map, 100), {
        primary: {
          id: id2,
          address: at(27412),
          role: "primary",
          aliases: [],
          availabilityZone: undefined,
          health: "online"
        },
        replicas: [],
        replicasKnown: true
      })
      assert.deepStrictEqual(replicas(map, 5460), ["127.0.0.1:27414"])
      assert.strictEqual(map.nodes.get("127.0.0.1:27414")?.role, "replica")
    })

    it("leaves slots unassigned that the reply does not list", () => {
      const map = slots([[1, 2, ["a", 1]], [5, 5, ["b", 1]]])
      assert.strictEqual(map.assigned, 3)
      assert.deepStrictEqual([0, 1, 2, 3, 5].map((slot) => owner(map, slot)), [
        undefined,
        "a:1",
        "a:1",
        undefined,
        "b:1"
      ])
      assert.strictEqual(slots([]).assigned, 0)
    })

    it("makes one shard of the scattered ranges of one primary", () => {
      const map = slots([[0, 0, ["a", 1], ["r", 1]], [2, 2, ["a", 1], ["s", 1]]])
      assert.strictEqual(map.shards.length, 1)
      assert.deepStrictEqual(replicas(map, 0), ["r:1", "s:1"])
    })

    it("takes node entries of two, three, four and more elements", () => {
      const map = slots([[0, 9, ["a", 1], ["b", 1, "id-b"], ["c", 1, "id-c", []], ["d", 1, "id-d", [], "new", 7]]])
      assert.deepStrictEqual(Array.from(map.nodes.values(), (node) => node.id), [undefined, "id-b", "id-c", "id-d"])
    })

    it.each([["flat", flat], ["map", map3]] as const)("takes metadata as a %s", (_, record) => {
      const metadata = record({ ip: "10.0.0.1", hostname: "Two.example.com", "availability-zone": "eu-1a", new: 1 })
      const found = slots([[0, 9, ["one.example.com", 7000, "a", metadata]]]).nodes.get("one.example.com:7000")
      assert.deepStrictEqual(found?.aliases, ["10.0.0.1:7000", "two.example.com:7000"])
      assert.strictEqual(found?.availabilityZone, "eu-1a")
    })

    it("ignores metadata that says nothing or is no record", () => {
      for (const metadata of [null, "x", ["ip"], ["ip", ""], ["hostname", "?"], ["ip", null], ["ip", "a b"]]) {
        const map = slots([[0, 9, ["a", 1, "id", metadata]]])
        assert.deepStrictEqual(map.nodes.get("a:1")?.aliases, [])
      }
    })

    it("is not fooled by names of Object.prototype", () => {
      const map = slots([[0, 9, ["__proto__", 1, "constructor", ["__proto__", "x", "toString", "y"]]]])
      assert.strictEqual(owner(map, 0), "__proto__:1")
      assert.strictEqual(map.nodes.get("__proto__:1")?.id, "constructor")
      assert.isUndefined(SlotMap.resolve(map, Address.tcp("constructor", 1)))
      assert.include(problem(readShards([shard([node({ role: "constructor" })])])), `the role is "constructor"`)
    })

    it("takes a host that is null or empty for the host of the node that replied", () => {
      const map = slots([[0, 0, [null, 7000]], [1, 1, ["", 7001]]], { origin: Address.tcp("::1", 1) })
      assert.deepStrictEqual([owner(map, 0), owner(map, 1)], ["[::1]:7000", "[::1]:7001"])
      assert.strictEqual(owner(slots([[0, 0, [null, 7000]]], { origin: Address.unix("/r.sock") }), 0), "127.0.0.1:7000")
    })

    it("reads what Redis 7.0.15 said with cluster-preferred-endpoint-type unknown-endpoint", () => {
      const map = slots([[0, 99, [null, 27411, id1, ["ip", "10.0.0.7"]], [null, 27414, id4, ["ip", "10.0.0.7"]]]])
      assert.strictEqual(owner(map, 0), "127.0.0.1:27411")
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("10.0.0.7", 27414))?.id, id4)
    })

    it("leaves out a node with host ?, and the slots of a primary without endpoint", () => {
      const map = slots([
        [0, 99, ["?", 27411, id1], ["127.0.0.1", 27414, id4]],
        [100, 100, ["127.0.0.1", 27412, id2], ["?", 0, "b"]],
        [101, 200, ["?", 27411, id1], ["127.0.0.1", 27414, id4]]
      ])
      assert.strictEqual(map.assigned, 1)
      assert.isUndefined(SlotMap.shardOf(map, 0))
      assert.deepStrictEqual(map.shards.map((shard) => shard.primary?.id), [undefined, id2])
      assert.deepStrictEqual(map.shards[0].replicas.map((node) => node.id), [id4])
      assert.strictEqual(map.nodes.size, 2)
    })

    it("reads IPv6 with and without brackets, and text that comes as bytes", () => {
      const bytes = (text: string) => new TextEncoder().encode(text)
      const map = slots([
        [0, 0, ["2001:DB8::1", 7000]],
        [1, 1, ["[2001:db8::2]", 7000]],
        [2, 2, [bytes("a"), 1, bytes("id"), new Map([[bytes("ip"), bytes("10.0.0.1")]])]]
      ])
      assert.deepStrictEqual(ranges(map).map(([, , key]) => key), ["[2001:db8::1]:7000", "[2001:db8::2]:7000", "a:1"])
      assert.deepStrictEqual([map.nodes.get("a:1")?.id, map.nodes.get("a:1")?.aliases], ["id", ["10.0.0.1:1"]])
    })

    it("dials what addressMap says, and knows the node by what it announced", () => {
      const addressMap = (announced: Address.Address) =>
        announced.key === "10.0.0.1:6379" ? Address.tcp("nat.example.com", 7001) : announced
      const map = slots([[0, 0, ["10.0.0.1", 6379, "a"], ["10.0.0.2", 6379, "b"]]], { addressMap })
      assert.strictEqual(owner(map, 0), "nat.example.com:7001")
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("10.0.0.1", 6379))?.id, "a")
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("10.0.0.2", 6379))?.id, "b")
    })

    it.each<readonly [string, Resp.Value, string]>([
      ["no array", "OK", `CLUSTER SLOTS: the reply is "OK", expected an array`],
      ["null", null, `CLUSTER SLOTS: the reply is null, expected an array`],
      [
        "an error",
        new Resp.ReplyError("ERR This instance has cluster support disabled"),
        `CLUSTER SLOTS: the reply is the error "ERR This instance has cluster support disabled", expected an array`
      ],
      ["an entry that is no array", [7], `CLUSTER SLOTS entry 0: 7, expected an array`],
      [
        "a slot too high",
        [[0, 16384, ["a", 1]]],
        `CLUSTER SLOTS entry 0: slots from 0 to 16384, expected numbers from 0 to 16383`
      ],
      [
        "a slot below 0",
        [[-1, 3, ["a", 1]]],
        `CLUSTER SLOTS entry 0: slots from -1 to 3, expected numbers from 0 to 16383`
      ],
      [
        "a slot that is text",
        [["0", 3, ["a", 1]]],
        `CLUSTER SLOTS entry 0: slots from "0" to 3, expected numbers from 0 to 16383`
      ],
      [
        "an empty entry",
        [[]],
        `CLUSTER SLOTS entry 0: slots from nothing to nothing, expected numbers from 0 to 16383`
      ],
      [
        "a range upside down",
        [[3, 1, ["a", 1]]],
        `CLUSTER SLOTS entry 0: slots from 3 to 1, expected the lower number first`
      ],
      ["no nodes", [[0, 1]], `CLUSTER SLOTS entry 0 (slots 0-1): no node is listed, expected at least the primary`],
      [
        "a node that is no array",
        [[0, 1, "a:1"]],
        `CLUSTER SLOTS entry 0 (slots 0-1), node 0: "a:1", expected an array`
      ],
      [
        "a port of 0",
        [[0, 1, ["a", 0]]],
        `CLUSTER SLOTS entry 0 (slots 0-1), node 0: the port is 0, expected a number from 1 to 65535`
      ],
      [
        "a port too high",
        [[0, 1, ["a", 65536]]],
        `CLUSTER SLOTS entry 0 (slots 0-1), node 0: the port is 65536, expected a number from 1 to 65535`
      ],
      [
        "no port",
        [[0, 1, ["a"]]],
        `CLUSTER SLOTS entry 0 (slots 0-1), node 0: the port is nothing, expected a number from 1 to 65535`
      ],
      [
        "a host that is none",
        [[0, 1, ["a b", 1]]],
        `CLUSTER SLOTS entry 0 (slots 0-1), node 0: the host is "a b", expected a host name, an IP address or null`
      ],
      [
        "ranges that overlap",
        [[0, 10, ["a", 1]], [5, 20, ["b", 1]]],
        `CLUSTER SLOTS entry 1 (slots 5-20): slots 5-10 were listed before, in CLUSTER SLOTS entry 0 (slots 0-10)`
      ],
      [
        "one slot twice, even by one owner and even if unreachable",
        [[5, 5, ["?", 1]], [5, 5, ["?", 1]]],
        `CLUSTER SLOTS entry 1 (slots 5-5): slot 5 was listed before, in CLUSTER SLOTS entry 0 (slots 5-5)`
      ]
    ])("refuses %s and names it", (_, reply, message) => {
      assert.strictEqual(problem(readSlots(reply)), message)
    })
  })

  describe("fromClusterShards", () => {
    it.each([["RESP2", flat], ["RESP3", map3]] as const)("reads a reply of Redis 7.0.15 in %s", (_, record) => {
      const map = shards(recordedShards(record))
      assert.strictEqual(map.assigned, 16384)
      assert.deepStrictEqual(ranges(map), recordedRanges)
      assert.deepStrictEqual(SlotMap.shardOf(map, 0)?.replicas, [{
        id: id4,
        address: at(27414),
        role: "replica",
        aliases: [],
        availabilityZone: undefined,
        health: "online"
      }])
      assert.strictEqual(SlotMap.fingerprint(map), SlotMap.fingerprint(slots(recordedSlots([]))))
    })

    it("knows a failed replica and does not route to it", () => {
      const map = shards(recordedShards(flat, "fail"))
      assert.deepStrictEqual(replicas(map, 0), [])
      assert.strictEqual(map.nodes.get("127.0.0.1:27414")?.health, "failed")
    })

    it("keeps a loading replica and says that it is loading", () => {
      const map = shards(recordedShards(flat, "loading"))
      assert.strictEqual(SlotMap.shardOf(map, 0)?.replicas[0].health, "loading")
    })

    it("unassigns the slots of a failed primary", () => {
      const map = shards([shard([node({ health: "fail" }), node({ id: "b", endpoint: "10.0.0.2", role: "replica" })])])
      assert.strictEqual(map.assigned, 0)
      assert.isUndefined(map.shards[0].primary)
      assert.deepStrictEqual(map.shards[0].replicas.map((node) => node.id), ["b"])
      assert.strictEqual(map.nodes.get("10.0.0.1:7000")?.health, "failed")
    })

    it("takes the living primary of a shard that still lists the dead one", () => {
      const map = shards([shard([node({ health: "fail" }), node({ id: "b", endpoint: "10.0.0.2" })])])
      assert.strictEqual(SlotMap.shardOf(map, 0)?.primary?.id, "b")
      assert.deepStrictEqual(replicas(map, 0), [])
    })

    it("takes the primary that is online of a shard that lists one that loads", () => {
      const map = shards([shard([node({ health: "loading" }), node({ id: "b", endpoint: "10.0.0.2" })])])
      assert.strictEqual(SlotMap.shardOf(map, 0)?.primary?.id, "b")
    })

    it("leaves out a failed node whose address was forgotten", () => {
      const lost = { id: "z", ip: "", endpoint: "", role: "master", health: "fail" }
      assert.strictEqual(shards([shard([node()]), shard([lost], [])]).nodes.size, 1)
    })

    it("takes the living node of two that claim one address", () => {
      const map = shards([shard([node({ id: "old", health: "fail" })], []), shard([node({ id: "new" })])])
      assert.strictEqual(SlotMap.shardOf(map, 0)?.primary?.id, "new")
      assert.strictEqual(map.nodes.size, 1)
    })

    it("keeps shards without slots", () => {
      const map = shards([shard([node()]), shard([node({ id: "b", endpoint: "10.0.0.2" })], [])])
      assert.deepStrictEqual(map.shards.map((shard) => shard.primary?.id), ["a", "b"])
      assert.strictEqual(map.assigned, 16384)
    })

    it("prefers the endpoint, and keeps ip and hostname as other names", () => {
      const map = shards([shard([node({ endpoint: "one.example.com", hostname: "one.example.com" })])])
      assert.strictEqual(owner(map, 0), "one.example.com:7000")
      assert.deepStrictEqual(map.nodes.get("one.example.com:7000")?.aliases, ["10.0.0.1:7000"])
    })

    it("reads null, empty and ? endpoints as CLUSTER SLOTS does", () => {
      assert.strictEqual(owner(shards([shard([node({ endpoint: null })])]), 0), "127.0.0.1:7000")
      assert.strictEqual(owner(shards([shard([node({ endpoint: "" })])]), 0), "127.0.0.1:7000")
      assert.strictEqual(shards([shard([node({ endpoint: "?" })])]).nodes.size, 0)
      assert.strictEqual(shards([shard([node({ endpoint: "?" })])]).assigned, 0)
      const { endpoint: _, ...old } = node()
      assert.strictEqual(owner(shards([shard([old])]), 0), "10.0.0.1:7000")
    })

    it("chooses the port by tls", () => {
      const both = [shard([node({ "tls-port": 7100 })])]
      const { port: _, ...secure } = node({ "tls-port": 7100 })
      assert.strictEqual(owner(shards(both), 0), "10.0.0.1:7000")
      assert.strictEqual(owner(shards(both, { tls: true }), 0), "10.0.0.1:7100")
      assert.strictEqual(owner(shards([shard([secure])], { tls: true }), 0), "10.0.0.1:7100")
      assert.strictEqual(owner(shards([shard([node()])], { tls: true }), 0), "10.0.0.1:7000")
      assert.strictEqual(
        problem(readShards([shard([secure])])),
        "CLUSTER SHARDS entry 0, node 0: it announces only a TLS port, 7100; connect to the cluster with TLS"
      )
    })

    const { port: _, ...portless } = node()
    it.each<readonly [string, Resp.Value, string]>([
      ["no array", 1, `CLUSTER SHARDS: the reply is 1, expected an array`],
      ["an entry that is no record", ["x"], `CLUSTER SHARDS entry 0: "x", expected a map or a flat array`],
      [
        "no slots",
        [flat({ nodes: [] })],
        `CLUSTER SHARDS entry 0: "slots" is nothing, expected an array of starts and ends`
      ],
      [
        "a start without end",
        [shard([], [0])],
        `CLUSTER SHARDS entry 0: "slots" is an array, expected an array of starts and ends`
      ],
      [
        "a range upside down",
        [shard([], [2, 1])],
        `CLUSTER SHARDS entry 0: slots from 2 to 1, expected the lower number first`
      ],
      ["no nodes", [flat({ slots: [], nodes: null })], `CLUSTER SHARDS entry 0: "nodes" is null, expected an array`],
      [
        "a node that is no record",
        [flat({ slots: [], nodes: [1] })],
        `CLUSTER SHARDS entry 0, node 0: 1, expected a map or a flat array`
      ],
      [
        "an unknown role",
        [shard([node({ role: "king" })])],
        `CLUSTER SHARDS entry 0, node 0: the role is "king", expected master or replica`
      ],
      [
        "no port at all",
        [shard([portless])],
        `CLUSTER SHARDS entry 0, node 0: the port is nothing, expected a number from 1 to 65535`
      ],
      [
        "a bad port",
        [shard([node({ port: 70000 })])],
        `CLUSTER SHARDS entry 0, node 0: the port is 70000, expected a number from 1 to 65535`
      ],
      [
        "slots twice in an entry",
        [shard([node()], [0, 5, 3, 9])],
        `CLUSTER SHARDS entry 0: slots 3-5 were listed before, in the same entry`
      ]
    ])("refuses %s and names it", (_, reply, message) => {
      assert.strictEqual(problem(readShards(reply)), message)
    })

    it("refuses more shards than there can be", () => {
      const many = Array.from({ length: 16385 }, (_, i) => shard([node({ endpoint: `n${i}` })], []))
      assert.strictEqual(problem(readShards(many)), "the reply lists 16385 shards, more than there are slots")
    })
  })

  const scalar = Arbitrary.schema(
    Schema.Literals([-1, 0, 1, 7000, 16383, 16384, 0.5, "", "?", "a", "slots", "nodes", "role", "master"])
  )
  const list = <A extends Resp.Value>(item: Arbitrary.Arbitrary<A>) => Arbitrary.array(item, { maxLength: 6 })
  it.prop("never throws, whatever a node says", { reply: list(list(list(scalar))), shallow: list(list(scalar)) }, ({
    reply,
    shallow
  }) => {
    for (const value of [reply, shallow, shallow.map((range) => [0, 1, ...range]), [new Map([["slots", shallow]])]]) {
      assert.isTrue(Result.isResult(readSlots(value)))
      assert.isTrue(Result.isResult(readShards(value)))
    }
  })

  describe("resolve", () => {
    it("finds a node by address, by IP and by host name", () => {
      const map = slots([[0, 9, ["10.0.0.1", 7000, "a", ["hostname", "one.example.com"]]]])
      const found = map.nodes.get("10.0.0.1:7000")
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("10.0.0.1", 7000)), found)
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("One.example.com", 7000)), found)
      assert.isUndefined(SlotMap.resolve(map, Address.tcp("one.example.com", 7001)))
    })

    it("does not guess when two nodes go by one name", () => {
      const named = (host: string) => [host, 7000, host, ["hostname", "any.example.com"]]
      const map = slots([[0, 0, named("a")], [1, 1, named("b")]])
      assert.isUndefined(SlotMap.resolve(map, Address.tcp("any.example.com", 7000)))
    })

    it("prefers the node at an address to another that has it as an alias", () => {
      const map = slots([[0, 0, ["a", 1, "id-a", ["ip", "b"]]], [1, 1, ["b", 1, "id-b"]]])
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("b", 1))?.id, "id-b")
    })

    it("gives the name of a failed node to the one that has it now", () => {
      const named = (id: string, health: string) => node({ id, endpoint: id, hostname: "pod-0", ip: "", health })
      const map = shards([shard([named("old", "fail")], []), shard([named("new", "online")])])
      assert.strictEqual(SlotMap.resolve(map, Address.tcp("pod-0", 7000))?.id, "new")
    })
  })

  describe("patch", () => {
    const before = slots(recordedSlots([]))

    it("moves one slot to the shard of a known primary, with its replicas", () => {
      const map = SlotMap.patch(before, 16383, at(27411))
      assert.strictEqual(SlotMap.shardOf(map, 16383), SlotMap.shardOf(before, 0))
      assert.strictEqual(owner(map, 16382), "127.0.0.1:27413")
      assert.strictEqual(map.shards.length, 3)
    })

    it("leaves the map it was given as it was", () => {
      SlotMap.patch(before, 0, at(27414))
      assert.deepStrictEqual(before, slots(recordedSlots([])))
    })

    it("is the same map if it says so already", () => {
      assert.strictEqual(SlotMap.patch(before, 0, at(27411)), before)
      assert.strictEqual(SlotMap.patchAll(before, new Map([[0, at(27411)], [100, at(27412)]])), before)
      assert.strictEqual(SlotMap.patchAll(before, new Map()), before)
    })

    it("does nothing for a slot that does not exist", () => {
      for (const slot of [-1, 16384, 0.5, Number.NaN]) assert.strictEqual(SlotMap.patch(before, slot, at(1)), before)
    })

    it("takes a replica for promoted: primary of a new shard, replica of none", () => {
      const map = SlotMap.patch(before, 7, at(27414))
      assert.deepStrictEqual(SlotMap.shardOf(map, 7), {
        primary: { ...before.nodes.get("127.0.0.1:27414")!, role: "primary" },
        replicas: [],
        replicasKnown: false
      })
      assert.strictEqual(map.nodes.get("127.0.0.1:27414")?.role, "primary")
      assert.strictEqual(owner(map, 8), "127.0.0.1:27411")
      assert.deepStrictEqual(replicas(map, 8), [])
      const next = SlotMap.patch(map, 8, at(27414))
      assert.strictEqual(SlotMap.shardOf(next, 8), SlotMap.shardOf(next, 7))
    })

    it("makes a shard with unknown replicas for an unknown address", () => {
      const map = SlotMap.patch(before, 7, at(9))
      assert.strictEqual(owner(map, 7), "127.0.0.1:9")
      assert.deepStrictEqual(replicas(map, 7), [])
      assert.isFalse(SlotMap.shardOf(map, 7)?.replicasKnown)
      assert.strictEqual(map.nodes.get("127.0.0.1:9")?.role, "primary")
      assert.deepStrictEqual(replicas(map, 8), ["127.0.0.1:27414"])
    })

    it("knows the node of a redirect by its other names", () => {
      const map = slots([[0, 0, ["a", 1, "id-a", ["hostname", "a.example.com"]]], [1, 1, ["b", 1]]])
      assert.strictEqual(owner(SlotMap.patch(map, 1, Address.tcp("a.example.com", 1)), 1), "a:1")
      assert.strictEqual(SlotMap.patch(map, 0, Address.tcp("a.example.com", 1)), map)
    })

    it("assigns a slot that was unassigned", () => {
      const map = SlotMap.patch(SlotMap.empty, 5, at(1))
      assert.strictEqual(map.assigned, 1)
      assert.strictEqual(SlotMap.empty.assigned, 0)
    })

    it("believes that a failed primary lives again when a slot is said to be there", () => {
      const map = SlotMap.patch(shards([shard([node({ health: "fail" })])]), 3, Address.tcp("10.0.0.1", 7000))
      assert.deepStrictEqual([SlotMap.shardOf(map, 3)?.primary?.id, SlotMap.shardOf(map, 3)?.primary?.health], [
        "a",
        "online"
      ])
    })

    it("does not grow when a slot is sent from place to place", () => {
      let map = before
      for (let port = 1; port <= 100; port++) map = SlotMap.patch(SlotMap.patch(map, 7, at(port)), 7, at(27413))
      assert.strictEqual(map.shards.length, 3)
      assert.strictEqual(map.nodes.size, 4)
      assert.deepStrictEqual(ranges(SlotMap.patch(map, 7, at(27411))), recordedRanges)
    })

    it("patchAll applies every patch to one copy", () => {
      const map = SlotMap.patchAll(
        before,
        new Map([[0, at(9)], [1, at(9)], [2, at(27414)], [3, at(27412)], [-1, at(5)]])
      )
      assert.deepStrictEqual(ranges(map).slice(0, 5), [
        [0, 1, "127.0.0.1:9"],
        [2, 2, "127.0.0.1:27414"],
        [3, 3, "127.0.0.1:27412"],
        [4, 99, "127.0.0.1:27411"],
        [100, 100, "127.0.0.1:27412"]
      ])
      assert.isFalse(map.nodes.has("127.0.0.1:5"))
    })

    const slot = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 16383 })))
    const port = Arbitrary.schema(Schema.Literals([27411, 27412, 27413, 27414, 9, 10]))
    it.prop("a patched slot has its new owner, and every other its old one", {
      patches: Arbitrary.array(Arbitrary.all([slot, port]), { maxLength: 12 })
    }, ({ patches }) => {
      const wanted = new Map(patches)
      const oneByOne = Array.from(wanted).reduce((map, [slot, port]) => SlotMap.patch(map, slot, at(port)), before)
      const atOnce = SlotMap.patchAll(before, new Map(Array.from(wanted, ([slot, port]) => [slot, at(port)])))
      assert.deepStrictEqual(ranges(atOnce), ranges(oneByOne))
      for (let slot = 0; slot < 16384; slot++) {
        const port = wanted.get(slot)
        if (owner(atOnce, slot) !== (port === undefined ? owner(before, slot) : at(port).key)) return false
      }
      const primaries = atOnce.shards.map((shard) => shard.primary?.address.key)
      assert.strictEqual(new Set(primaries).size, primaries.length)
      assert.isFalse(atOnce.shards.some((shard) => shard.replicas.some((node) => primaries.includes(node.address.key))))
      return true
    })
  })

  describe("diff", () => {
    const before = slots(recordedSlots([]))

    it("is empty for equal views", () => {
      const changes = SlotMap.diff(before, shards(recordedShards(map3)))
      assert.deepStrictEqual(changes, { added: [], removed: [], roleChanged: [], zoneChanged: [], moved: [] })
    })

    it("tells nodes that came and left, changed roles and moved ranges", () => {
      const after = slots([
        [0, 5460, ["127.0.0.1", 27414, id4], ["127.0.0.1", 27411, id1]],
        [5461, 10922, ["127.0.0.1", 27412, id2]],
        [10923, 16000, ["127.0.0.1", 9, "new"]]
      ])
      const { added, moved, removed, roleChanged } = SlotMap.diff(before, after)
      assert.deepStrictEqual(added.map((node) => node.id), ["new"])
      assert.deepStrictEqual(removed.map((node) => node.id), [id3])
      assert.deepStrictEqual(roleChanged.map((node) => [node.id, node.role]), [[id4, "primary"], [id1, "replica"]])
      assert.deepStrictEqual(moved, [
        { start: 0, end: 99, from: at(27411), to: at(27414) },
        { start: 100, end: 100, from: at(27412), to: at(27414) },
        { start: 101, end: 5460, from: at(27411), to: at(27414) },
        { start: 10923, end: 16000, from: at(27413), to: at(9) },
        { start: 16001, end: 16383, from: at(27413), to: undefined }
      ])
    })

    it("tells the first map as all slots moved from nobody", () => {
      const { added, moved } = SlotMap.diff(SlotMap.empty, before)
      assert.strictEqual(added.length, 4)
      assert.deepStrictEqual(moved[0], { start: 0, end: 99, from: undefined, to: at(27411) })
      assert.strictEqual(moved.length, 5)
    })
  })

  describe("fingerprint", () => {
    it("does not depend on the order of ranges, shards and nodes", () => {
      const [a, b, r, s] = ["a", "b", "r", "s"].map((host) => [host, 1, `id-${host}`])
      assert.strictEqual(
        SlotMap.fingerprint(slots([[0, 1, a, r, s], [3, 4, a, r, s], [2, 2, b]])),
        SlotMap.fingerprint(slots([[3, 4, a, s, r], [2, 2, b], [0, 1, a, r, s]]))
      )
    })

    it("does not depend on the name that a node is announced by", () => {
      assert.strictEqual(
        SlotMap.fingerprint(slots([[0, 1, [null, 1, "id-a"]]])),
        SlotMap.fingerprint(slots([[0, 1, ["a.example.com", 1, "id-a"]]]))
      )
    })

    it("tells owners, slots and replicas apart", () => {
      const views = [
        [[0, 1, ["a", 1]]],
        [[0, 2, ["a", 1]]],
        [[0, 1, ["b", 1]]],
        [[0, 1, ["a", 1], ["b", 1]]],
        [[0, 1, ["?", 1]]]
      ].map((reply) => SlotMap.fingerprint(slots(reply)))
      assert.strictEqual(new Set(views).size, views.length)
    })
  })

  describe("describe", () => {
    it("is a table of shards and of what is missing", () => {
      const first = shard([node(), node({ id: "b", endpoint: "10.0.0.2", role: "replica", health: "loading" })], [
        0,
        8191
      ])
      const second = shard([node({ id: "c", endpoint: "10.0.0.3", health: "fail" })], [8192, 16383])
      assert.strictEqual(
        SlotMap.describe(SlotMap.patch(shards([first, second]), 9000, Address.unix("/r.sock"))),
        [
          "slots   primary        replicas",
          "0-8191  10.0.0.1:7000  10.0.0.2:7000 (loading)",
          "none    unknown        none",
          "9000    unix:/r.sock   unknown",
          "failed: 10.0.0.3:7000",
          "8191 of 16384 slots unassigned"
        ].join("\n")
      )
    })

    it("shortens a long list of ranges", () => {
      const map = slots([0, 2, 4, 6, 8].map((slot) => [slot, slot, ["a", 1]]))
      assert.include(SlotMap.describe(map), "\n0,2,4 and 2 more  a:1")
    })
  })
})

describe("a node whose endpoint makes no sense", () => {
  const wrong: ReadonlyArray<readonly [string, Resp.Value, Resp.Value]> = [
    ["a port of 0", "10.0.0.9", 0],
    ["a port that is text", "10.0.0.9", "7000"],
    ["no port", "10.0.0.9", null],
    ["a host with a space", "a b", 7000],
    ["a host that is a number", 7, 7000],
    ["a host that is an array", ["10.0.0.9"], 7000]
  ]

  it.each(wrong)("is left out of CLUSTER SLOTS when it is a replica: %s", (_, host, port) => {
    const map = slots([[0, 99, ["a", 1, "a"], [host, port, "r"]], [100, 199, ["b", 1, "b"], ["c", 1, "c"]]])
    assert.deepStrictEqual([...map.nodes.keys()], ["a:1", "b:1", "c:1"])
    assert.strictEqual(map.assigned, 200)
  })

  it.each(wrong)("leaves its slots without an owner when it is a primary: %s", (_, host, port) => {
    const map = slots([[0, 99, [host, port, "a"], ["r", 1, "r"]], [100, 199, ["b", 1, "b"]]])
    assert.isUndefined(SlotMap.shardOf(map, 0))
    assert.strictEqual(owner(map, 100), "b:1")
    assert.strictEqual(map.assigned, 100)
  })

  it.each(wrong)("is left out of CLUSTER SHARDS as well: %s", (_, endpoint, port) => {
    const bad = { id: "r", port, endpoint, role: "replica", health: "online" }
    const map = shards([shard([node(), bad], [0, 2]), shard([node({ id: "b", endpoint: "10.0.0.2" })], [3, 3])])
    assert.deepStrictEqual([...map.nodes.keys()], ["10.0.0.1:7000", "10.0.0.2:7000"])
  })

  const none: ReadonlyArray<readonly [string, Resp.Value]> = [
    ["null", null],
    ["a text", "10.0.0.9:7000"],
    ["a number", 7],
    ["an error", new Resp.ReplyError("ERR no such node")]
  ]

  it.each(none)("nor is one that is %s anything to the others", (_, bad) => {
    const list = slots([[0, 99, ["a", 1, "a"], bad, ["r", 1, "r"]], [100, 199, bad, ["s", 1, "s"]]])
    assert.deepStrictEqual([...list.nodes.keys()], ["a:1", "r:1", "s:1"])
    assert.strictEqual(list.assigned, 100)
    const map = shards([flat({ slots: [0, 2], nodes: [bad, flat(node())] })])
    assert.deepStrictEqual([...map.nodes.keys()], ["10.0.0.1:7000"])
    assert.strictEqual(owner(map, 0), "10.0.0.1:7000")
  })

  it.each(["observer", null, 7])("nor is one whose role is %s", (role) => {
    const bad = { id: "r", port: 7000, endpoint: "10.0.0.9", role, health: "online" }
    const map = shards([shard([node(), bad], [0, 2])])
    assert.deepStrictEqual([...map.nodes.keys()], ["10.0.0.1:7000"])
    assert.strictEqual(owner(map, 0), "10.0.0.1:7000")
  })
})

describe("a map that is made of known shards", () => {
  const at = (host: string) => Address.tcp(host, 1)

  it("has their nodes and slots", () => {
    const map = Result.getOrThrow(SlotMap.make([
      { primary: at("a"), replicas: [at("r")], slots: [[0, 99], [200, 299]] },
      { primary: at("b"), slots: [[100, 199]] },
      { primary: at("c"), slots: [] }
    ]))
    assert.deepStrictEqual([0, 150, 299].map((slot) => owner(map, slot)), ["a:1", "b:1", "a:1"])
    assert.isUndefined(SlotMap.shardOf(map, 300))
    assert.deepStrictEqual([...map.nodes.values()].map(({ address, role }) => `${address.key} ${role}`), [
      "a:1 primary",
      "r:1 replica",
      "b:1 primary",
      "c:1 primary"
    ])
    assert.strictEqual(map.assigned, 300)
    assert.strictEqual(map.shards.length, 3)
  })

  it.each<readonly [string, unknown, string]>([
    [
      "a slot twice",
      [{ primary: at("a"), slots: [[0, 99]] }, { primary: at("b"), slots: [[99, 100]] }],
      "shard 1: slot 99 was listed before, in shard 0"
    ],
    ["a slot that is none", [{ primary: at("a"), slots: [[0, 16384]] }], "shard 0: its slots have to be ranges within"],
    ["a range that ends first", [{ primary: at("a"), slots: [[2, 1]] }], "shard 0: its slots have to be ranges within"],
    ["text for an address", [{ primary: "a:1", slots: [[0, 1]] }], "shard 0: its nodes have to be addresses"],
    ["no slots", [{ primary: at("a") }], "shard 0: its slots have to be ranges within"],
    ["a shard that is none", [null], "shard 0 has to be an object"],
    ["no list", {}, "the shards have to be an array"],
    ["a slip", [{ primary: at("a"), replica: [at("b")], slots: [[0, 1]] }], "shard 0.replica is not an option"],
    ["a getter that throws", [{
      get primary() {
        throw new Error("a bug")
      },
      slots: []
    }], "shard 0.primary can't be read"] // dprint-ignore
  ])("is none with %s", (_, shards, problem) => {
    const made = SlotMap.make(shards as ReadonlyArray<SlotMap.ShardInput>)
    assert.include(Result.getOrThrow(Result.flip(made)), problem)
  })
})

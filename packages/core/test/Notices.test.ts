/** All shapes in which Redis Cloud and Redis Software are known to announce maintenance are read, and broken ones are told. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Address from "../src/Address.ts"
import { endpointType } from "../src/internal/connection/endpointType.ts"
import { read } from "../src/internal/connection/notices.ts"
import type * as Resp from "../src/Resp.ts"

type Values = ReadonlyArray<Resp.Value>

const noticeOf = (values: Values) => Result.getOrThrow(read(values))
const problemOf = (values: Values) => Result.isFailure(read(values))

const movesOf = (values: Values) => {
  const notice = noticeOf(values)
  if (notice._tag !== "SlotsMoved") throw new Error(`it is read as ${notice._tag}`)
  return notice
}

describe("MOVING", () => {
  it("names an endpoint and a time, as integers or as text", () => {
    const moving = { _tag: "Moving", seq: 17, millis: 15_000, endpoint: "54.78.247.156:12075" }
    assert.deepStrictEqual<unknown>(noticeOf(["MOVING", 17, 15, "54.78.247.156:12075"]), moving)
    assert.deepStrictEqual<unknown>(noticeOf(["MOVING", "17", "15", "54.78.247.156:12075"]), moving)
    assert.deepStrictEqual<unknown>(noticeOf(["MOVING", 17n, 15n, "54.78.247.156:12075"]), moving)
  })

  it("without an endpoint means the one that was connected to", () => {
    for (const rest of [[null], [""], []]) {
      const notice = noticeOf(["MOVING", 1, 30, ...rest])
      assert.deepStrictEqual<unknown>(notice, { _tag: "Moving", seq: 1, millis: 30_000, endpoint: undefined })
    }
  })

  it("keeps the colons of an IPv6 address", () => {
    assert.deepInclude(noticeOf(["MOVING", 1, 30, "2001:db8::1:6379"]), { endpoint: "2001:db8::1:6379" })
    assert.deepInclude(noticeOf(["MOVING", 1, 30, "[2001:db8::1]:6379"]), { endpoint: "[2001:db8::1]:6379" })
  })

  it("for ever, or in the past, is brought within bounds", () => {
    assert.deepInclude(noticeOf(["MOVING", 1, 1e12, "a:1"]), { millis: 600_000 })
    assert.deepInclude(noticeOf(["MOVING", 1, -5, "a:1"]), { millis: 0 })
  })

  it("that names no time, no number or no endpoint is told", () => {
    for (
      const values of [
        ["MOVING"],
        ["MOVING", "soon", 15, "a:1"],
        ["MOVING", 1, "soon", "a:1"],
        ["MOVING", 1, 15, "a"],
        ["MOVING", 1, 15, "a:port"],
        ["MOVING", 1, 15, ["a:1"]],
        ["MOVING", 1, 15, 7000],
        ["MOVING", 1, 15, "a b:1"]
      ]
    ) assert.isTrue(problemOf(values), JSON.stringify(values))
  })
})

describe("what begins and ends", () => {
  it("is told with and without shards, with and without a time", () => {
    const begins = (work: string, millis: number) => ({ _tag: "Begins", work, seq: 3, millis })
    assert.deepStrictEqual<unknown>(noticeOf(["MIGRATING", 3, 2]), begins("Migrating", 2000))
    assert.deepStrictEqual<unknown>(noticeOf(["MIGRATING", 3, 2, ["1", "2"]]), begins("Migrating", 2000))
    assert.deepStrictEqual<unknown>(noticeOf(["MIGRATING", 3, ["1", "2"]]), begins("Migrating", 0))
    assert.deepStrictEqual<unknown>(noticeOf(["FAILING_OVER", "3", "2", "[1, 2]"]), begins("FailingOver", 2000))
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATING", 3, "123,456,789-1000"]), begins("SlotsMigrating", 0))
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATING", 3, "123", "789-1000"]), begins("SlotsMigrating", 0))
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATING", 3]), begins("SlotsMigrating", 0))
    assert.deepStrictEqual<unknown>(noticeOf(["MIGRATED", 3]), { _tag: "Ended", work: "Migrating", seq: 3 })
    assert.deepStrictEqual<unknown>(noticeOf(["FAILED_OVER", 3, ["1"]]), { _tag: "Ended", work: "FailingOver", seq: 3 })
    assert.isTrue(problemOf(["MIGRATED"]))
    assert.isTrue(problemOf(["FAILING_OVER", null, 2]))
  })
})

describe("SMIGRATED", () => {
  const one = { source: "10.0.0.1:6379", target: "10.0.0.2:6379", ranges: [[123, 123], [456, 456], [789, 1000]] }
  const other = { source: "10.0.0.3:6380", target: "10.0.0.4:6380", ranges: [[124, 124], [300, 500]] }
  const both = { _tag: "SlotsMoved", seq: 15, moves: [one, other], unread: undefined }
  const first = ["10.0.0.1:6379", "10.0.0.2:6379", "123,456,789-1000"]
  const second = ["10.0.0.3:6380", "10.0.0.4:6380", "124,300-500"]

  it("has triplets, however they are nested", () => {
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATED", 15, [first, second]]), both)
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATED", "15", first, second]), both)
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATED", 15, [...first, ...second]]), both)
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATED", 15, ...first, ...second]), both)
    assert.deepStrictEqual<unknown>(noticeOf(["SMIGRATED", 15, [[[first]], [second]]]), both)
  })

  it("has one text of slots or many, and single slots as integers", () => {
    const { moves } = movesOf(["SMIGRATED", 15, [
      ["10.0.0.1:6379", "10.0.0.2:6379", ["123", 456, "789-1000"]],
      ["10.0.0.3:6380", "10.0.0.4:6380", 124, "300-500"]
    ]])
    assert.deepStrictEqual<unknown>(moves, [one, other])
    assert.deepStrictEqual(movesOf(["SMIGRATED", 1, [["a:1", "b:1", " 1 , 3 - 5 ,"]]]).moves[0].ranges, [[1, 1], [
      3,
      5
    ]])
  })

  it("of the older drafts names targets only", () => {
    const target = { source: undefined, target: "10.0.0.2:6379", ranges: [[1, 5], [7, 7]] }
    assert.deepStrictEqual<unknown>(movesOf(["SMIGRATED", 1, "10.0.0.2:6379", "1-5,7"]).moves, [target])
    assert.deepStrictEqual<unknown>(movesOf(["SMIGRATED", 1, [["10.0.0.2:6379", "1-5,7"]]]).moves, [target])
    const { moves } = movesOf(["SMIGRATED", 1, [["10.0.0.2:6379", "1-5,7"], ["10.0.0.3:6379", "8"]]])
    assert.deepStrictEqual(moves.map(({ target }) => target), ["10.0.0.2:6379", "10.0.0.3:6379"])
  })

  it("may not know the source", () => {
    for (const source of [null, "", "?"]) {
      const { moves, unread } = movesOf(["SMIGRATED", 1, [[source, "b:1", "1"], ["a:1", "c:1", "2"]]])
      assert.deepStrictEqual(moves.map(({ source }) => source), [undefined, "a:1"])
      assert.isUndefined(unread)
    }
  })

  it("keeps what can be read, and tells the rest", () => {
    const good = ["a:1", "b:1", "1-5"]
    for (
      const bad of [
        ["a:1", "b:1", "5-1"],
        ["a:1", "b:1", "16384"],
        ["a:1", "b:1", "99999999999999999999"],
        ["a:1", "b:1", "one"],
        ["a:1", "b:1", -1],
        ["a:1", "b:1"],
        ["a:1", null, "1"],
        ["a:1", "b", "1"],
        ["a:1", "b:1", "c:1", "1"],
        [true, "b:1", "1"],
        [new Map([["a:1", "b:1"]]), "1"]
      ]
    ) {
      const { moves, unread } = movesOf(["SMIGRATED", 1, [good, bad]])
      assert.deepStrictEqual(moves.map(({ target }) => target), ["b:1"], JSON.stringify(bad))
      assert.isDefined(unread, JSON.stringify(bad))
    }
  })

  it("of nothing is told", () => {
    assert.isDefined(movesOf(["SMIGRATED", 1]).unread)
    assert.isDefined(movesOf(["SMIGRATED", 1, []]).unread)
    assert.isDefined(movesOf(["SMIGRATED", 1, null]).unread)
    assert.isTrue(problemOf(["SMIGRATED", [], []]))
  })
})

describe("the endpoint that is asked for", () => {
  const typeOf = (host: string, remote?: string, secure = false) =>
    endpointType({ address: Address.tcp(host, 6379), remote, secure })

  it("is internal for private addresses, external for public ones, and a name for TLS", () => {
    for (
      const host of [
        "10.1.2.3",
        "127.0.0.1",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "fe80::1"
      ]
    ) assert.strictEqual(typeOf(host), "internal-ip", host)
    for (const host of ["8.8.8.8", "172.32.0.1", "192.169.1.1", "11.0.0.1", "2001:db8::1"]) {
      assert.strictEqual(typeOf(host), "external-ip", host)
    }
    assert.strictEqual(typeOf("10.1.2.3", undefined, true), "internal-fqdn")
    assert.strictEqual(typeOf("8.8.8.8", undefined, true), "external-fqdn")
  })

  it("is chosen by where the connection led, if that is known, and by the name otherwise", () => {
    assert.strictEqual(typeOf("redis.example.com", "10.0.0.1"), "internal-ip")
    assert.strictEqual(typeOf("redis.example.com", "::ffff:10.0.0.1"), "internal-ip")
    assert.strictEqual(typeOf("redis.example.com", "::ffff:8.8.8.8"), "external-ip")
    assert.strictEqual(typeOf("localhost", "8.8.8.8"), "external-ip")
    assert.strictEqual(typeOf("redis.example.com"), "external-ip")
    assert.strictEqual(typeOf("redis-12.internal.c1.us-east-1.ec2.cloud.example.com"), "internal-ip")
    assert.strictEqual(typeOf("localhost"), "internal-ip")
    assert.strictEqual(typeOf("redis"), "internal-ip")
  })

  it("does not exist for unix sockets", () => {
    assert.isUndefined(endpointType({ address: Address.unix("/tmp/redis.sock"), remote: undefined, secure: false }))
  })
})

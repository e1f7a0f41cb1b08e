import { assert, describe, it } from "@effect/vitest"
import * as Resp from "../src/Resp.ts"
import { ascii, pushLent } from "./RespFixtures.ts"

type Told = readonly [what: string, ...rest: ReadonlyArray<Resp.Value>]

const bulk = (text: string): string => `$${new TextEncoder().encode(text).length}\r\n${text}\r\n`
const push = (...elements: ReadonlyArray<string>): string => `>${elements.length}\r\n${elements.map(bulk).join("")}`
const message = (channel: string, payload: string): string => push("message", channel, payload)
const messages = (channel: string, payloads: ReadonlyArray<string>): string =>
  payloads.map((payload) => message(channel, payload)).join("")

/** A decoder whose handler takes several at once, and what it was told. */
const together = (options: Partial<Resp.Handler> = {}, limits?: Partial<Resp.Limits>, one = false) => {
  const told: Array<Told> = []
  const onPushes = (begin: readonly [string, string], last: ReadonlyArray<string>) =>
    void told.push(["pushes", ...begin, ...last])
  const decoder = new Resp.Decoder({
    wantsBytes: () => false,
    onReply: (value) => void told.push(["reply", value]),
    onPush: (values) => void told.push(["push", ...values]),
    ...(one ? {} : { onPushes }),
    ...options
  }, limits)
  return { decoder, told }
}

/** The same, but that takes no several. */
const oneByOne = () => together({}, {}, true)

/** One by one, whoever was told of them together. */
const singly = (told: ReadonlyArray<Told>): ReadonlyArray<Told> =>
  told.flatMap((each) => {
    if (each[0] !== "pushes") return [each]
    const [, what, where, ...payloads] = each
    return payloads.map((payload): Told => ["push", what, where, payload])
  })

describe("push messages that begin alike", () => {
  it("are handed over together, from the third on", () => {
    const { decoder, told } = together()
    decoder.push(ascii(messages("a", ["1", "22", "", "4", "55555"])))
    decoder.push(ascii(messages("a", ["6", "7"])))
    assert.deepStrictEqual(told, [
      ["push", "message", "a", "1"],
      ["push", "message", "a", "22"],
      ["pushes", "message", "a", "", "4", "55555"],
      ["pushes", "message", "a", "6", "7"]
    ])
  })

  it("are handed over one by one to who takes no several", () => {
    const { decoder, told } = oneByOne()
    decoder.push(ascii(messages("a", ["1", "2", "3", "4"])))
    assert.deepStrictEqual(told, ["1", "2", "3", "4"].map((payload): Told => ["push", "message", "a", payload]))
  })

  it("one alone is handed over as any other", () => {
    const { decoder, told } = together()
    decoder.push(ascii(messages("a", ["1", "2"])))
    decoder.push(ascii(message("a", "3")))
    assert.deepStrictEqual(told.map(([what]) => what), ["push", "push", "push"])
  })

  it("are the same wherever they are cut, and whatever is in between", () => {
    const before = messages("a", ["1", "2", "3"])
    const traffic = ascii([
      before,
      ":1\r\n",
      messages("a", ["4", "5"]),
      push("smessage", "a", "6"),
      push("smessage", "a", "7"),
      push("smessage", "a", "8"),
      messages("a", ["9", "payload", "grüße", "", "\r\n", "x".repeat(120)]),
      messages("ab", ["10", "11", "12", "13"]),
      ">3\r\n$7\r\nmessage\r\n$2\r\nab\r\n:14\r\n",
      ">3\r\n$7\r\nmessage\r\n$2\r\nab\r\n$-1\r\n",
      ">3\r\n$7\r\nmessage\r\n$2\r\nab\r\n=6\r\ntxt:15\r\n",
      ">4\r\n$7\r\nmessage\r\n$2\r\nab\r\n$2\r\n16\r\n$2\r\n17\r\n",
      push("pmessage", "a*", "a", "18"),
      push("pmessage", "a*", "a", "19"),
      push("pmessage", "a*", "a", "20"),
      ">3\r\n$7\r\nmessage\r\n$2\r\nab\r\n$02\r\n21\r\n",
      messages("ab", ["22", "23"]),
      messages("ab", Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(11))),
      messages("ab", Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(8 + i))),
      messages("abc", Array.from({ length: 24 }, (_, i) => `${i}`.padEnd(i % 3))),
      "+OK\r\n"
    ].join(""))
    const expected = oneByOne()
    for (const byte of traffic) expected.decoder.push(Uint8Array.of(byte))
    assert.strictEqual(expected.told.length, 78)
    for (let size = 1; size <= traffic.length; size++) {
      const { decoder, told } = together()
      pushLent(decoder, traffic, size)
      assert.deepStrictEqual(singly(told), expected.told)
    }
    for (let cut = 0; cut <= traffic.length; cut++) {
      const { decoder, told } = together()
      decoder.push(traffic.subarray(0, cut))
      decoder.push(traffic.subarray(cut))
      assert.deepStrictEqual(singly(told), expected.told)
    }
  })

  it("stand among replies where they came", () => {
    const { decoder, told } = together()
    decoder.push(ascii(`${messages("a", ["1", "2", "3", "4"])}:1\r\n${messages("a", ["5", "6"])}:2\r\n`))
    assert.deepStrictEqual(told.slice(2), [
      ["pushes", "message", "a", "3", "4"],
      ["reply", 1],
      ["pushes", "message", "a", "5", "6"],
      ["reply", 2]
    ])
  })

  it("are asked about once, and come singly as bytes where that is wanted", () => {
    let asked = 0
    let bytes = false
    const { decoder, told } = together({ wantsBytes: () => (asked++, bytes) })
    decoder.push(ascii(messages("a", ["1", "2"])))
    asked = 0
    decoder.push(ascii(messages("a", ["3", "4", "5"])))
    assert.strictEqual(asked, 1)
    bytes = true
    decoder.push(ascii(messages("a", ["6", "7"])))
    bytes = false
    decoder.push(ascii(messages("a", ["8", "9"])))
    assert.deepStrictEqual(told.slice(2), [
      ["pushes", "message", "a", "3", "4", "5"],
      ["push", ascii("message"), ascii("a"), ascii("6")],
      ["push", ascii("message"), ascii("a"), ascii("7")],
      ["pushes", "message", "a", "8", "9"]
    ] as ReadonlyArray<unknown>)
  })

  it("are refused at the same byte as others, behind those that came before", () => {
    const good = messages("a", ["1", "2", "3", "4"])
    for (
      const bad of [
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$9\r\n123456789\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n12\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r1\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$\r\n1\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$-2\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$99999999999\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n?\r\n"
      ]
    ) {
      const endOf = (chunks: ReadonlyArray<Uint8Array>) => {
        const { decoder, told } = together({}, { maxBulkLength: 8 })
        let problem = ""
        try {
          for (const chunk of chunks) decoder.push(chunk)
        } catch (error) {
          problem = error instanceof Resp.ProtocolError ? error.message : `no ProtocolError: ${error}`
        }
        return { problem, told: singly(told) }
      }
      const whole = endOf([ascii(good + bad)])
      assert.deepStrictEqual(whole, endOf(Array.from(ascii(good + bad), (byte) => Uint8Array.of(byte))), bad)
      assert.strictEqual(whole.told.length, 4)
      assert.match(whole.problem, / at byte \d+$/)
    }
  })

  it("leave the rest of the chunk to come when their handler throws", () => {
    const { decoder, told } = together({
      onPushes: () => {
        throw new Error("not these")
      }
    })
    assert.throws(() => decoder.push(ascii(`${messages("a", ["1", "2", "3", "4"])}:1\r\n`)), "not these")
    assert.deepStrictEqual(told.at(-1), ["reply", 1])
  })

  it("may make their handler reset the decoder, which drops the rest of the chunk", () => {
    const { decoder, told } = together({ onPushes: () => decoder.reset() })
    decoder.push(ascii(`${messages("a", ["1", "2", "3", "4"])}:1\r\n$5`))
    decoder.push(ascii(":2\r\n"))
    assert.deepStrictEqual(told.slice(2), [["reply", 2]])
  })

  it("are text of its own each, and hold no chunk", () => {
    const { decoder, told } = together()
    const chunk = Buffer.from(messages("a", Array.from({ length: 10 }, (_, i) => `${i}`.repeat(100))))
    decoder.push(chunk)
    chunk.fill(0)
    const last = told.at(-1)
    assert.deepStrictEqual(last?.slice(3), Array.from({ length: 8 }, (_, i) => `${i + 2}`.repeat(100)))
  })
})

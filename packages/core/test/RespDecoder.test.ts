import { assert, describe, it } from "@effect/vitest"
import * as Resp from "../src/Resp.ts"
import { ascii, concat, decode, pushLent, recorder } from "./RespFixtures.ts"

const error = (message: string) => new Resp.ReplyError(message)

/** Frame, its value, and its value when bytes are asked for, if that is another. */
const golden: ReadonlyArray<readonly [frame: string, value: Resp.Value, bytes?: Resp.Value]> = [
  ["+OK\r\n", "OK"],
  ["+PONG\r\n", "PONG"],
  ["+QUEUED\r\n", "QUEUED"],
  ["+QUEUES\r\n", "QUEUES"],
  ["+\r\n", ""],
  ["+Background saving started\r\n", "Background saving started"],
  ["+grüße\r\n", "grüße"],
  ["-ERR unknown command 'asdf'\r\n", error("ERR unknown command 'asdf'")],
  ["-NOAUTH\r\n", error("NOAUTH")],
  [":0\r\n", 0],
  [":-0\r\n", 0],
  [":+7\r\n", 7],
  [":-42\r\n", -42],
  [":123456789012345\r\n", 123456789012345],
  [":9007199254740991\r\n", 9007199254740991],
  [":-9007199254740991\r\n", -9007199254740991],
  [":9007199254740992\r\n", BigInt("9007199254740992")],
  [":9223372036854775807\r\n", BigInt("9223372036854775807")],
  [":-9223372036854775808\r\n", BigInt("-9223372036854775808")],
  ["$5\r\nhello\r\n", "hello", ascii("hello")],
  ["$0\r\n\r\n", "", ascii("")],
  ["$4\r\n\r\n\r\n\r\n", "\r\n\r\n", ascii("\r\n\r\n")],
  ["$13\r\nhello, wörld\r\n", "hello, wörld", ascii("hello, wörld")],
  ["$6\r\n\ufeffabc\r\n", "\ufeffabc", ascii("\ufeffabc")],
  ["$-1\r\n", null],
  ["*-1\r\n", null],
  ["*0\r\n", []],
  ["*2\r\n$5\r\nhello\r\n$-1\r\n", ["hello", null], [ascii("hello"), null]],
  ["*2\r\n*1\r\n:1\r\n*2\r\n+a\r\n-WRONGTYPE no\r\n", [[1], ["a", error("WRONGTYPE no")]]],
  ["*2\r\n*0\r\n*1\r\n*0\r\n", [[], [[]]]],
  ["_\r\n", null],
  ["#t\r\n", true],
  ["#f\r\n", false],
  [",1.23\r\n", 1.23],
  [",10\r\n", 10],
  [",-0\r\n", -0],
  [",1.5e+300\r\n", 1.5e300],
  [",-2E-7\r\n", -2e-7],
  [",inf\r\n", Infinity],
  [",-inf\r\n", -Infinity],
  [",nan\r\n", NaN],
  [",-nan\r\n", NaN],
  ["(3492890328409238509324850943850943825024385\r\n", BigInt("3492890328409238509324850943850943825024385")],
  ["(-7\r\n", BigInt(-7)],
  ["!21\r\nSYNTAX invalid syntax\r\n", error("SYNTAX invalid syntax")],
  ["!7\r\nERR a\r\n\r\n", error("ERR a\r\n")],
  ["=15\r\ntxt:Some string\r\n", "Some string", ascii("Some string")],
  ["=4\r\nmkd:\r\n", "", ascii("")],
  ["%0\r\n", new Map()],
  ["%2\r\n+first\r\n:1\r\n+second\r\n*1\r\n#t\r\n", new Map<string, Resp.Value>([["first", 1], ["second", [true]]])],
  ["~3\r\n+a\r\n:1\r\n+a\r\n", ["a", 1, "a"]],
  ["|1\r\n+key-popularity\r\n%1\r\n$1\r\na\r\n,0.19\r\n*2\r\n:2039123\r\n:9543892\r\n", [2039123, 9543892]],
  ["*3\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n:2\r\n:3\r\n", [1, 2, 3]],
  ["|0\r\n:1\r\n", 1]
]

/** What is no RESP, and what is said about it. */
const malformed: ReadonlyArray<readonly [frame: string, problem: string]> = [
  ["hello\r\n", "expected a reply, found a letter at byte 0"],
  ["\r\n", "expected a reply, found CR at byte 0"],
  ["+OK\r\né", "expected a reply, found a byte beyond ASCII at byte 5"],
  [":\r\n", "expected a digit of an integer, found CR at byte 1"],
  [":1a\r\n", "expected a digit of an integer, found a letter at byte 2"],
  [":--1\r\n", "expected a digit of an integer, found punctuation at byte 2"],
  [":1\n", "expected a digit of an integer, found LF at byte 2"],
  [":1\r1\n", "expected LF after CR, found a digit at byte 3"],
  [":9223372036854775808\r\n", "integer does not fit into 64 bits at byte 1"],
  ["+OK\n", "expected CR before LF in simple string at byte 3"],
  ["+a\rb\n", "expected LF after CR, found a letter at byte 3"],
  ["$+1\r\na\r\n", "expected a digit of the length of bulk string, found punctuation at byte 1"],
  ["$1\r\nab\n", "expected CRLF after bulk string, found a letter at byte 5"],
  ["$1\r\na\rb\n", "expected CRLF after bulk string, found a letter at byte 6"],
  ["$-2\r\n", "negative length of bulk string at byte 1"],
  ["$-0\r\n\r\n", "negative length of bulk string at byte 1"],
  ["*-2\r\n", "negative length of array at byte 1"],
  ["%-1\r\n", "negative length of map at byte 1"],
  ["!-1\r\n", "negative length of bulk error at byte 1"],
  ["$?\r\n", "streamed bulk string is not supported at byte 1"],
  ["*?\r\n", "streamed array is not supported at byte 1"],
  ["%?\r\n", "streamed map is not supported at byte 1"],
  [";4\r\nabcd\r\n", "expected a reply, found punctuation at byte 0"],
  ["_x\r\n", "malformed null at byte 1"],
  ["#true\r\n", "malformed boolean at byte 1"],
  [",\r\n", "malformed double at byte 1"],
  [",1.\r\n", "malformed double at byte 1"],
  [",0x10\r\n", "malformed double at byte 1"],
  ["(1.5\r\n", "malformed big number at byte 1"],
  ["(\r\n", "malformed big number at byte 1"],
  ["=3\r\ntxt\r\n", "verbatim string without a format at byte 4"],
  ["=5\r\nhello\r\n", "verbatim string without a format at byte 4"],
  ["*1\r\n>1\r\n:1\r\n", "push message inside a reply at byte 4"]
]

const everyCut = (frame: Uint8Array) =>
  Array.from(frame, (_, cut) => [frame.subarray(0, cut), frame.subarray(cut)] as const)

const byteByByte = (frame: Uint8Array) => Array.from(frame, (byte) => Uint8Array.of(byte))

describe("Resp.Decoder", () => {
  for (const [frame, value, bytes = value] of golden) {
    it(`decodes ${JSON.stringify(frame)}`, () => {
      const chunk = ascii(frame)
      assert.deepStrictEqual(decode([chunk]), { events: [{ reply: value }], problem: undefined })
      assert.deepStrictEqual(decode([chunk], { bytes: true }), { events: [{ reply: bytes }], problem: undefined })
      for (const chunks of [...everyCut(chunk), byteByByte(chunk)]) {
        assert.deepStrictEqual(decode(chunks).events, [{ reply: value }])
        assert.deepStrictEqual(decode(chunks, { bytes: true }).events, [{ reply: bytes }])
      }
    })
  }

  for (const [frame, problem] of malformed) {
    it(`refuses ${JSON.stringify(frame)}`, () => {
      const chunk = ascii(frame)
      assert.strictEqual(decode([chunk]).problem, problem)
      assert.strictEqual(decode(byteByByte(chunk)).problem, problem)
    })
  }

  it("decodes malformed UTF-8 with replacement characters, and as bytes unchanged", () => {
    const payload = Uint8Array.of(0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82, 0xf0, 0x9f, 0x98, 0x80)
    const frame = concat([ascii("$10\r\n"), payload, ascii("\r\n")])
    assert.deepStrictEqual(decode([frame]).events, [{ reply: "a\ufffd\ufffd(\ufffd\u{1f600}" }])
    assert.deepStrictEqual(decode([frame], { bytes: true }).events, [{ reply: payload }])
  })

  it("hands out bytes with memory of their own, also from a Buffer", () => {
    for (const length of [3, 16, 17, 1000]) {
      const { decoder, events } = recorder({ bytes: true })
      const chunk = Buffer.from(`$${length}\r\n${"a".repeat(length)}\r\n`)
      decoder.push(chunk)
      chunk.fill(0)
      const [event] = events
      assert.isTrue("reply" in event && event.reply instanceof Uint8Array)
      const value = ("reply" in event ? event.reply : null) as Uint8Array
      assert.strictEqual(value.constructor, Uint8Array)
      assert.strictEqual(value.buffer.byteLength, length)
      assert.deepStrictEqual(value, new Uint8Array(length).fill(0x61))
    }
  })

  it("delivers many replies of one chunk in order", () => {
    assert.deepStrictEqual(decode([ascii(":1\r\n$1\r\na\r\n*1\r\n:2\r\n+OK\r\n")]).events, [
      { reply: 1 },
      { reply: "a" },
      { reply: [2] },
      { reply: "OK" }
    ])
  })

  it("asks once a reply, and once a push message, whether bytes are wanted, before it delivers it", () => {
    const log: Array<unknown> = []
    const answers = [true, false, true]
    const decoder = new Resp.Decoder({
      wantsBytes: (push) => {
        log.push(push ? "asked of a push" : "asked")
        return push ? false : answers.shift() ?? false
      },
      onReply: (value) => void log.push(value),
      onPush: (values) => void log.push({ push: values })
    })
    const frame = ascii("*2\r\n$1\r\na\r\n$1\r\nb\r\n|1\r\n+x\r\n:0\r\n$1\r\nc\r\n>1\r\n$1\r\nd\r\n$1\r\ne\r\n")
    for (const chunk of byteByByte(frame)) decoder.push(chunk)
    assert.deepStrictEqual(log, [
      "asked",
      [ascii("a"), ascii("b")],
      "asked",
      "c",
      "asked of a push",
      { push: ["d"] },
      "asked",
      ascii("e")
    ])
  })

  it("delivers push messages that begin alike, wherever they are cut, and those in between that don't", () => {
    const message = (channel: string, payload: string) =>
      `>3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${payload.length}\r\n${payload}\r\n`
    const sent = [["a", "1"], ["a", "2"], ["a", "3"], ["b", "4"], ["a", "5"], ["ab", "6"], ["ab", "7"], ["ab", "8"]]
    const traffic = ascii(`${sent.map(([channel, payload]) => message(channel, payload)).join(":0\r\n")}+OK\r\n`)
    for (let size = 1; size <= traffic.length; size++) {
      const told: Array<string> = []
      const decoder = new Resp.Decoder({
        wantsBytes: () => false,
        onReply: (value) => void told.push(`reply ${value}`),
        onPush: (values) => void told.push(values.join(" "))
      })
      pushLent(decoder, traffic, size)
      const pushed = told.filter((line) => line.startsWith("message"))
      assert.deepStrictEqual(pushed, sent.map(([channel, payload]) => `message ${channel} ${payload}`))
      assert.strictEqual(told.at(-1), "reply OK")
    }
  })

  it("delivers push messages that begin alike as bytes from when that is wanted", () => {
    const frame = ascii(">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nx\r\n")
    const told: Array<ReadonlyArray<Resp.Value>> = []
    let bytes = false
    const decoder = new Resp.Decoder({
      wantsBytes: () => bytes,
      onReply: () => {},
      onPush: (values) => void told.push(values)
    })
    for (let i = 0; i < 3; i++) decoder.push(frame)
    bytes = true
    decoder.push(frame)
    bytes = false
    decoder.push(frame)
    const text = ["message", "ch", "x"]
    assert.deepStrictEqual(told, [text, text, text, [ascii("message"), ascii("ch"), ascii("x")], text])
  })

  it("delivers push messages between replies, their strings as bytes where that is wanted", () => {
    const push = ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n=6\r\ntxt:hi\r\n"
    assert.deepStrictEqual(decode([ascii(`:1\r\n${push}$1\r\na\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n`)]).events, [
      { reply: 1 },
      { push: [ascii("message"), ascii("ch"), ascii("hi")] },
      { reply: "a" },
      { push: ["invalidate", [ascii("k")]] }
    ])
  })

  it("throws the same error again on every push after a failure", () => {
    const { decoder, events } = recorder()
    let first: unknown
    try {
      decoder.push(ascii(":1\r\n?"))
    } catch (error) {
      first = error
    }
    assert.instanceOf(first, Resp.ProtocolError)
    assert.strictEqual(first.offset, 4)
    assert.deepStrictEqual(events, [{ reply: 1 }])
    let second: unknown
    try {
      decoder.push(ascii(":2\r\n"))
    } catch (error) {
      second = error
    }
    assert.strictEqual(second, first)
    assert.strictEqual(events.length, 1)
  })

  it("counts offsets over all chunks", () => {
    assert.strictEqual(
      decode([ascii(":1\r\n$3\r\na"), ascii("bc\r"), ascii("\n:1"), ascii("2\r"), ascii("\n:x\r\n")]).problem,
      "expected a digit of an integer, found a letter at byte 19"
    )
  })

  it("starts anew after a reset, wherever it was", () => {
    for (const before of ["*2\r\n:1\r\n", "$5\r\nhe", "$5\r\nhello\r", "$5", "|1\r\n+a\r\n", ">2\r\n:1\r\n"]) {
      const { decoder, events } = recorder()
      decoder.push(ascii(before))
      decoder.reset()
      decoder.push(ascii("$2\r\nok\r\n"))
      assert.deepStrictEqual(events, [{ reply: "ok" }])
    }
    const { decoder, events } = recorder()
    assert.throws(() => decoder.push(ascii("x")), /at byte 0$/)
    decoder.reset()
    decoder.push(ascii(":1\r\n"))
    assert.deepStrictEqual(events, [{ reply: 1 }])
    assert.throws(() => decoder.push(ascii("x")), /at byte 4$/)
  })
})

describe("Resp.Decoder handlers", () => {
  const throwing = (onReply: (value: Resp.Value) => void) =>
    new Resp.Decoder({ wantsBytes: () => false, onReply, onPush: () => {} })

  it("deliver the rest of the chunk before their exception propagates", () => {
    const seen: Array<Resp.Value> = []
    const decoder = throwing((value) => {
      seen.push(value)
      if (value === 1 || value === 2) throw new Error(`refused ${value}`)
    })
    assert.throws(() => decoder.push(ascii(":1\r\n*1\r\n:5\r\n:2\r\n$3\r\nab")), "refused 1")
    decoder.push(ascii("c\r\n:3\r\n"))
    assert.deepStrictEqual(seen, [1, [5], 2, "abc", 3])
  })

  it("may throw when asked for bytes or given a push message", () => {
    const seen: Array<Resp.Value> = []
    const decoder = new Resp.Decoder({
      wantsBytes: (push) => {
        if (!push) throw new Error("not asked")
        return false
      },
      onReply: (value) => void seen.push(value),
      onPush: () => {
        throw new Error("not pushed")
      }
    })
    assert.throws(() => decoder.push(ascii("$1\r\na\r\n")), "not asked")
    assert.throws(() => decoder.push(ascii(">1\r\n:1\r\n:2\r\n")), "not pushed")
    assert.deepStrictEqual(seen, ["a", 2])
  })

  it("that throw before a malformed reply leave its error to the next push", () => {
    const decoder = throwing(() => {
      throw new Error("refused")
    })
    assert.throws(() => decoder.push(ascii(":1\r\nx")), "refused")
    assert.throws(() => decoder.push(ascii(":1\r\n")), Resp.ProtocolError)
  })

  it("may reset the decoder, which drops the rest of the chunk", () => {
    for (const first of [":1\r\n", "$3\r\nabc\r\n", "*1\r\n:1\r\n"]) {
      for (
        const chunks of [[ascii(`${first}:2\r\n$5`)], [ascii(first.slice(0, -3)), ascii(`${first.slice(-3)}:2\r\n$5`)]]
      ) {
        const seen: Array<Resp.Value> = []
        const decoder = throwing((value) => {
          seen.push(value)
          decoder.reset()
        })
        for (const chunk of chunks) decoder.push(chunk)
        assert.strictEqual(seen.length, 1)
        decoder.push(ascii(":3\r\n"))
        assert.strictEqual(seen[1], 3)
      }
    }
  })
})

describe("Resp.Decoder limits", () => {
  const problem = (frame: string, limits: Partial<Resp.Limits>) => {
    const chunk = ascii(frame)
    const whole = decode([chunk], { limits }).problem
    assert.strictEqual(decode(byteByByte(chunk), { limits }).problem, whole)
    return whole
  }

  it("bound the length of a bulk string", () => {
    assert.isUndefined(problem("$4\r\nabcd\r\n", { maxBulkLength: 4 }))
    for (const [type, name] of [["$", "bulk string"], ["!", "bulk error"], ["=", "verbatim string"]]) {
      assert.strictEqual(
        problem(`${type}5\r\nabcde\r\n`, { maxBulkLength: 4 }),
        `${name} is longer than the limit of 4 bytes at byte 0`
      )
    }
    assert.match(
      problem(`$${"9".repeat(400)}\r\n`, {}) ?? "",
      /^bulk string is longer than the limit of 536870912 bytes/
    )
  })

  it("bound the elements of an aggregate, a pair of a map as two", () => {
    assert.isUndefined(problem("*2\r\n:1\r\n:1\r\n%1\r\n:1\r\n:1\r\n", { maxElements: 2 }))
    assert.strictEqual(problem("*3\r\n", { maxElements: 2 }), "array has more elements than the limit of 2 at byte 0")
    assert.strictEqual(problem("%2\r\n", { maxElements: 2 }), "map has more elements than the limit of 2 at byte 0")
    assert.strictEqual(
      problem("|2\r\n", { maxElements: 2 }),
      "attribute has more elements than the limit of 2 at byte 0"
    )
  })

  it("bound a map to what a Map can hold", () => {
    assert.match(
      problem("%16777217\r\n", { maxElements: Infinity }) ?? "",
      /^map has more elements than the limit of 33554432/
    )
  })

  it("bound the elements of all aggregates in one reply", () => {
    const pairs = (count: number) => `*${count}\r\n${"*2\r\n:1\r\n:2\r\n".repeat(count)}`
    assert.isUndefined(problem(pairs(5).repeat(3), { maxElements: 10 }))
    assert.match(
      decode([ascii(pairs(6))], { limits: { maxElements: 10 } }).problem ?? "",
      /more elements than the limit of 10/
    )
  })

  it("bound the bytes of a reply, up to what arrives at once", () => {
    const limits = { maxBytes: 20 }
    const integers = (count: number) => byteByByte(ascii(`*${count}\r\n${":1\r\n".repeat(count)}`))
    assert.isUndefined(decode([...integers(4), ...integers(4)], { limits }).problem)
    assert.match(decode(integers(8), { limits }).problem ?? "", /longer than the limit of 20 bytes/)
    assert.match(problem("$21\r\n", limits) ?? "", /^bulk string is longer than the limit of 20 bytes/)
  })

  it("bound the depth of nesting", () => {
    assert.isUndefined(problem("*1\r\n%1\r\n:1\r\n:2\r\n", { maxDepth: 2 }))
    assert.strictEqual(
      problem("*1\r\n%1\r\n:1\r\n*0\r\n", { maxDepth: 2 }),
      "aggregates are nested deeper than the limit of 2 at byte 12"
    )
    assert.match(
      problem("*1\r\n".repeat(100_000), {}) ?? "",
      /^aggregates are nested deeper than the limit of 128 at byte 512$/
    )
    assert.match(
      problem("|1\r\n".repeat(100_000), {}) ?? "",
      /^aggregates are nested deeper than the limit of 128 at byte 512$/
    )
  })

  it("bound the length of a line, whether or not it ends", () => {
    const limits = { maxLineLength: 8 }
    const tooLong = "line is longer than the limit of 8 bytes at byte 4"
    assert.isUndefined(problem("+1234567\r\n:1234567\r\n", limits))
    assert.strictEqual(problem("+1\r\n+12345678\r\n", limits), tooLong)
    assert.strictEqual(problem("+1\r\n+1234567890", limits), tooLong)
    assert.strictEqual(problem("+1\r\n:00000001\r\n", limits), tooLong)
  })

  it("cut an error that is longer than a line, however it is cut into chunks, and read on behind it", () => {
    const limits = { maxLineLength: 8, maxBulkLength: 40 }
    for (const text of ["ERR 567", "ERR 5678", "ERR 56789", "ERR 56789 0", "ERR ééééé", `ERR ${"x".repeat(30)}`]) {
      const bytes = ascii(`:1\r\n-${text}\r\n*2\r\n-${text}\r\n:2\r\n`)
      const whole = decode([bytes], { limits })
      assert.isUndefined(whole.problem)
      const [, cut] = whole.events as ReadonlyArray<{ readonly reply: Resp.ReplyError }>
      assert.strictEqual(cut.reply.code, "ERR")
      assert.isTrue(ascii(cut.reply.message).length <= 9 && text.startsWith(cut.reply.message.replace("\ufffd", "")))
      for (let size = 1; size < 12; size++) {
        const chunks = Array.from(
          { length: Math.ceil(bytes.length / size) },
          (_, n) => bytes.slice(n * size, n * size + size)
        )
        assert.deepStrictEqual(decode(chunks, { limits }), whole, `${text} in pieces of ${size}`)
      }
    }
    assert.match(problem(`-${"x".repeat(41)}\r\n`, limits) ?? "", /longer than the limit/)
    assert.match(problem(`-${"x".repeat(60)}`, limits) ?? "", /longer than the limit/)
    for (const end of ["\n", "\rx\n"]) {
      const wrong = ascii(`-${"x".repeat(20)}${end}`)
      assert.isDefined(decode([wrong], { limits }).problem)
      assert.isDefined(decode(Array.from(wrong, (byte) => Uint8Array.of(byte)), { limits }).problem)
    }
  })

  it("keep an error of a megabyte to its beginning, and a simple string of that length whole", () => {
    const long = "x".repeat(1_000_000)
    const bytes = ascii(`-ERR ${long}\r\n+${long}\r\n+${long}\r\n:7\r\n`)
    const pieces = Array.from({ length: 100 }, (_, n) => bytes.slice(n * 40_000, n * 40_000 + 40_000))
    for (const chunks of [[bytes], pieces]) {
      const { events, problem } = decode(chunks)
      assert.isUndefined(problem)
      const [error, ...others] = events as ReadonlyArray<{ readonly reply: Resp.Value }>
      assert.strictEqual((error.reply as Resp.ReplyError).message, `ERR ${"x".repeat(64 * 1024 - 5)}`)
      assert.deepStrictEqual(others, [{ reply: long }, { reply: long }, { reply: 7 }])
    }
  })

  it("leave room for a depth of 100,000 if told so", () => {
    const depth = 100_000
    const { events, problem } = decode([ascii(`${"*1\r\n".repeat(depth)}:7\r\n`)], { limits: { maxDepth: depth } })
    assert.isUndefined(problem)
    let value = events.map((event) => "reply" in event ? event.reply : null)[0]
    for (let level = 0; level < depth; level++) value = (value as ReadonlyArray<Resp.Value>)[0]
    assert.strictEqual(value, 7)
  })
})

describe("Resp.Decoder memory and time", () => {
  it("does not reserve what a length announces", () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 16 }, () => recorder().decoder)
    for (const decoder of decoders) decoder.push(ascii("$536870912\r\nabc"))
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 64 * 1024 * 1024)
    for (const type of ["*", "~", "|", "%"]) {
      const problem = decode([ascii(`${type}10000000\r\n`.repeat(100))], { limits: { maxElements: 1e9 } }).problem
      assert.isUndefined(problem)
    }
    assert.isUndefined(decode([ascii("*1000000000\r\n:1\r\n")], { limits: { maxElements: 1e9 } }).problem)
  })

  it("gathers 32 MiB from chunks of 64 KiB", () => {
    const length = 32 * 1024 * 1024
    for (const bytes of [true, false]) {
      const { decoder, events } = recorder({ bytes })
      decoder.push(ascii(`$${length}\r\n`))
      for (let sent = 0; sent < length; sent += 65536) {
        decoder.push(new Uint8Array(65536).fill(0x61 + (sent / 65536) % 26))
      }
      decoder.push(ascii("\r\n:1\r\n"))
      assert.strictEqual(events.length, 2)
      const value = "reply" in events[0] ? events[0].reply : null
      if (value instanceof Uint8Array) {
        assert.strictEqual(value.length, length)
        assert.isTrue(value.every((byte, index) => byte === 0x61 + (index >>> 16) % 26))
      } else {
        assert.strictEqual((value as string).length, length)
        assert.strictEqual((value as string)[65536 * 27], "b")
      }
    }
  })

  it("gathers a mebibyte, and a long line, from single bytes", () => {
    const { decoder, events } = recorder({ bytes: true })
    const value = new Uint8Array(1024 * 1024).fill(0x0d)
    const line = "x".repeat(65_000)
    for (const chunk of [ascii(`$${value.length}\r\n`), value, ascii(`\r\n+${line}\r\n`)]) {
      for (let at = 0; at < chunk.length; at++) decoder.push(chunk.subarray(at, at + 1))
    }
    assert.strictEqual(events.length, 2)
    assert.isTrue(
      "reply" in events[0] && events[0].reply instanceof Uint8Array && events[0].reply.length === value.length
    )
    assert.deepStrictEqual(events[1], { reply: line })
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Resp from "../src/Resp.ts"
import { ascii, concat, decode } from "./RespFixtures.ts"

const get = Resp.head("GET")
const set = Resp.head("SET")

const encode = (head: Resp.Head, args: ReadonlyArray<string | Uint8Array>): string => {
  const encoder = new Resp.Encoder()
  encoder.command(head, args)
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(concat(encoder.take()))
}

describe("Resp.head", () => {
  it("encodes each word of a name", () => {
    assert.deepStrictEqual(get, { bytes: ascii("$3\r\nGET\r\n"), count: 1 })
    assert.deepStrictEqual(Resp.head("CLUSTER SLOTS"), { bytes: ascii("$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"), count: 2 })
    assert.deepStrictEqual(Resp.head(" FÜNF "), { bytes: ascii("$5\r\nFÜNF\r\n"), count: 1 })
  })
})

describe("Resp.Encoder", () => {
  it("frames a command as an array of bulk strings", () => {
    assert.strictEqual(encode(Resp.head("PING"), []), "*1\r\n$4\r\nPING\r\n")
    assert.strictEqual(encode(get, ["key:12345"]), "*2\r\n$3\r\nGET\r\n$9\r\nkey:12345\r\n")
    assert.strictEqual(
      encode(Resp.head("CLUSTER SLOTS"), ["", ascii("a\r\nb")]),
      "*4\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n$0\r\n\r\n$4\r\na\r\nb\r\n"
    )
    assert.strictEqual(encode(get, Array.from({ length: 120 }, () => "a")).slice(0, 13), "*121\r\n$3\r\nGET")
  })

  it("counts the length of text in bytes of UTF-8", () => {
    for (
      const length of [1, 3, 4, 8, 9, 10, 33, 34, 99, 100, 334, 999, 1000, 3333, 3334, 8192, 20_000, 32_768, 32_769]
    ) {
      for (const character of ["a", "é", "漢", "\u{1f600}"]) {
        const text = character.repeat(length)
        const bytes = ascii(text).length
        assert.strictEqual(encode(get, [text]), `*2\r\n$3\r\nGET\r\n$${bytes}\r\n${text}\r\n`)
        const mixed = `${"x".repeat(length)}${character}`
        assert.strictEqual(encode(get, [mixed]), `*2\r\n$3\r\nGET\r\n$${ascii(mixed).length}\r\n${mixed}\r\n`)
      }
    }
  })

  it("sends lone surrogates as replacement characters", () => {
    assert.strictEqual(encode(get, ["\ud83d"]), "*2\r\n$3\r\nGET\r\n$3\r\n\ufffd\r\n")
    assert.strictEqual(encode(get, ["a\ude00b\ud83d"]), "*2\r\n$3\r\nGET\r\n$8\r\na\ufffdb\ufffd\r\n")
    assert.strictEqual(
      encode(get, ["\ud83d".repeat(10_000)]),
      `*2\r\n$3\r\nGET\r\n$30000\r\n${"\ufffd".repeat(10_000)}\r\n`
    )
  })

  it("knows how many bytes wait", () => {
    const encoder = new Resp.Encoder()
    assert.strictEqual(encoder.size, 0)
    assert.deepStrictEqual(encoder.take(), [])
    encoder.command(get, ["a"])
    assert.strictEqual(encoder.size, 20)
    encoder.command(set, ["a", new Uint8Array(100_000)])
    assert.strictEqual(encoder.size, 20 + 4 + 9 + 7 + 9 + 100_000 + 2)
    assert.strictEqual(concat(encoder.take()).length, 20 + 4 + 9 + 7 + 9 + 100_000 + 2)
    assert.strictEqual(encoder.size, 0)
    assert.deepStrictEqual(encoder.take(), [])
  })

  it("gathers commands into one chunk", () => {
    const encoder = new Resp.Encoder()
    for (let index = 0; index < 1000; index++) encoder.command(get, [`key:${index}`])
    assert.strictEqual(encoder.take().length, 1)
  })

  it("never writes again to a chunk that it handed out", () => {
    const encoder = new Resp.Encoder()
    const taken: Array<Uint8Array> = []
    const copies: Array<Uint8Array> = []
    for (let index = 0; index < 20_000; index++) {
      encoder.command(set, [`key:${index}`, "é".repeat(index % 50)])
      if (index % 7 === 0) {
        for (const chunk of encoder.take()) {
          taken.push(chunk)
          copies.push(chunk.slice())
        }
      }
    }
    assert.deepStrictEqual(concat(taken), concat(copies))
  })

  it("writes again to what it handed out once it may, and to nothing that it did not hand out", () => {
    const encoder = new Resp.Encoder()
    encoder.command(set, ["a", "x".repeat(40_000)])
    const first = encoder.take()
    encoder.reuse()
    encoder.command(set, ["b", "y".repeat(40_000)])
    encoder.reuse()
    encoder.command(get, ["c"])
    const second = encoder.take()
    assert.deepStrictEqual(decode(second).events, [{ reply: ["SET", "b", "y".repeat(40_000)] }, {
      reply: ["GET", "c"]
    }])
    const buffersOf = (chunks: ReadonlyArray<Uint8Array>) => new Set(chunks.map(({ buffer }) => buffer))
    assert.deepStrictEqual(buffersOf(second), buffersOf(first))
  })

  it("shares memory that may be written to again with other encoders, and no other", () => {
    const encoders = Array.from({ length: 3 }, () => new Resp.Encoder())
    const taken = encoders.map((encoder, index) => {
      encoder.command(set, [`key:${index}`, `${index}`.repeat(index === 1 ? 50_000 : 100)])
      const chunks = encoder.take()
      const copies = chunks.map((chunk) => chunk.slice())
      if (index === 0) encoder.reuse()
      return { chunks, copies }
    })
    for (const { chunks, copies } of taken.slice(1)) assert.deepStrictEqual(concat(chunks), concat(copies))
    assert.strictEqual(taken[0].chunks[0].buffer, taken[1].chunks[0].buffer)
    assert.notStrictEqual(taken[1].chunks[0].buffer, taken[2].chunks[0].buffer)
  })

  it("never gives the caller's bytes away", () => {
    const encoder = new Resp.Encoder()
    const own = new Uint8Array(50_000).fill(1)
    encoder.command(set, ["a", own])
    encoder.take()
    encoder.reuse()
    encoder.command(set, ["b", "x".repeat(45_000)])
    encoder.take()
    assert.isTrue(own.every((byte) => byte === 1))
  })

  it("keeps every command whole across the boundaries of slabs", () => {
    const args = Array.from({ length: 3000 }, (_, index) => {
      const size = (index * 37) % 1500
      return [
        `k${index}`,
        index % 3 === 0 ? new Uint8Array(size).fill(index) : (index % 3 === 1 ? "a" : "漢").repeat(size)
      ]
    })
    const encoder = new Resp.Encoder()
    for (const each of args) encoder.command(set, each)
    const chunks = encoder.take()
    assert.isAbove(chunks.length, 10)
    const expected = args.map((each) => ({
      reply: [ascii("SET"), ...each.map((arg) => typeof arg === "string" ? ascii(arg) : arg)]
    }))
    const { events, problem } = decode(chunks, { bytes: true })
    assert.isUndefined(problem)
    assert.strictEqual(events.length, expected.length)
    for (let index = 0; index < expected.length; index++) assert.deepStrictEqual(events[index], expected[index])
  })

  it("passes large payloads on without a copy, and copies small ones", () => {
    const large = new Uint8Array(32 * 1024 + 1)
    const small = new Uint8Array(32 * 1024).fill(1)
    const encoder = new Resp.Encoder()
    encoder.command(set, ["a", large])
    encoder.command(set, ["b", small])
    const chunks = encoder.take()
    assert.isTrue(chunks.includes(large))
    small.fill(2)
    assert.isFalse(concat(chunks).includes(2))
    assert.strictEqual(decode(chunks).events.length, 2)
  })

  it("sends text larger than a slab", () => {
    const text = "漢".repeat(100_000)
    const encoder = new Resp.Encoder()
    encoder.command(set, ["a", text])
    encoder.command(get, ["a"])
    assert.deepStrictEqual(decode(encoder.take()).events, [{ reply: ["SET", "a", text] }, { reply: ["GET", "a"] }])
  })

  it("takes a name larger than a slab", () => {
    const name = "X".repeat(100_000)
    const encoder = new Resp.Encoder()
    encoder.command(Resp.head(name), ["a"])
    assert.deepStrictEqual(decode(encoder.take()).events, [{ reply: [name, "a"] }])
  })

  it("takes back all of what was begun since a mark, wherever that was, and gives its memory to nobody", () => {
    const wrong = undefined as unknown as string
    const larges = ["x".repeat(200_000), "é".repeat(40_000), new Uint8Array(70_000).fill(1)]
    for (const filler of [0, 100, 60_000, 65_000, 65_500]) {
      for (const args of [[], ["short"], ["y".repeat(30_000), "y".repeat(30_000), "y".repeat(30_000)], larges]) {
        const encoder = new Resp.Encoder()
        encoder.command(set, ["a", "f".repeat(filler)])
        encoder.mark()
        const size = encoder.size
        assert.throws(() => encoder.command(set, [...args, wrong]), Resp.EncodeError)
        encoder.rollback()
        assert.strictEqual(encoder.size, size)
        encoder.command(get, ["b"])
        const chunks = encoder.take()
        const keysOf = (chunks: ReadonlyArray<Uint8Array>) =>
          decode(chunks).events.map((event) => ("reply" in event ? (event.reply as ReadonlyArray<string>)[1] : ""))
        const fill = (other: Resp.Encoder, key: string) => {
          for (let n = 0; n < 4; n++) other.command(set, [key, "z".repeat(30_000)])
        }
        const others = [new Resp.Encoder(), new Resp.Encoder()]
        fill(others[0], "c")
        assert.deepStrictEqual(keysOf(chunks), ["a", "b"])
        encoder.reuse()
        fill(others[1], "d")
        fill(encoder, "e")
        assert.deepStrictEqual(keysOf(others[0].take()), ["c", "c", "c", "c"])
        assert.deepStrictEqual(keysOf(others[1].take()), ["d", "d", "d", "d"])
        assert.deepStrictEqual(keysOf(encoder.take()), ["e", "e", "e", "e"])
      }
    }
  })
})

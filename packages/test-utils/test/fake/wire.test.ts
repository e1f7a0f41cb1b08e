import { assert, describe, it } from "@effect/vitest"
import { BrokenRequest, Requests } from "../../src/fake/session/wire.ts"

/** What is read from chunks, and the words of the error that ends it. */
const read = (chunks: string | ReadonlyArray<string>, trusted = true) => {
  const requests = new Requests(() => trusted)
  const read: Array<ReadonlyArray<string>> = []
  try {
    for (const chunk of typeof chunks === "string" ? [chunks] : chunks) {
      requests.push(Buffer.from(chunk, "latin1"))
      for (let next = requests.next(); next !== undefined; next = requests.next()) read.push(next)
    }
    return read
  } catch (problem) {
    if (!(problem instanceof BrokenRequest)) throw problem
    return [...read, problem.message.replace("ERR Protocol error: ", "")]
  }
}

const ping = ["PING"]
const pinged = "*1\r\n$4\r\nPING\r\n"

describe("requests, as redis-server 7.0.15 reads them", () => {
  it("numbers have one spelling", () => {
    for (const count of ["x", "", "+1", "01", " 1", "-0", "1 ", "2147483648", "99999999999999999999"]) {
      assert.deepStrictEqual(read(`*${count}\r\n$4\r\nPING\r\n`), ["invalid multibulk length"], count)
    }
    for (const length of ["x", "", "+4", "04", "4 ", "-1", "-0", "0x4", "536870913"]) {
      assert.deepStrictEqual(read(`*1\r\n$${length}\r\nPING\r\n`), ["invalid bulk length"], length)
    }
    for (const count of ["0", "-5", "-99999999999"]) assert.deepStrictEqual(read(`*${count}\r\n${pinged}`), [ping])
    assert.deepStrictEqual(read("*2147483647\r\n$4\r\nPING\r\n"), [])
  })

  it("a count ends with a carriage return and whatever byte follows", () => {
    assert.deepStrictEqual(read("*1\rX$4\rXPING\r\n"), [ping])
    assert.deepStrictEqual(read(["*1\r", "X$4\r", "\nPING\r\n"]), [ping])
    assert.deepStrictEqual(read("*1\n$4\nPING\r\n"), ["invalid multibulk length"])
    assert.deepStrictEqual(read("*1\r\n$4\nPING\r\n"), ["invalid bulk length"])
    assert.deepStrictEqual(read(`*1\r\n$4\r\nPINGxx${pinged}`), [ping, ping])
  })

  it("what should be a length and is not is named", () => {
    assert.deepStrictEqual(read(`${pinged}*1\r\nfoo\r\n`), [ping, "expected '$', got 'f'"])
    assert.deepStrictEqual(read("*1\r\n\r\n"), ["expected '$', got '\r'"])
    assert.deepStrictEqual(read("*1\r\n\xff\r\n"), ["expected '$', got '\xff'"])
  })

  it("no line is longer than 64 kB before it ends", () => {
    const long = "1".repeat(65_536)
    assert.deepStrictEqual(read("x".repeat(65_536)), [])
    assert.deepStrictEqual(read("x".repeat(65_537)), ["too big inline request"])
    assert.deepStrictEqual(read(["x".repeat(65_536), "x\r\n"]), [["x".repeat(65_537)]])
    assert.deepStrictEqual(read(`*${long}`), ["too big mbulk count string"])
    assert.deepStrictEqual(read(`*${long.slice(1)}`), [])
    assert.deepStrictEqual(read(`*1\r\n$${long}`), ["too big bulk count string"])
    assert.deepStrictEqual(read(`*1\r\n$${long.slice(1)}`), [])
  })

  it("a NUL hides the end of its line", () => {
    assert.deepStrictEqual(read("SET a b\0c\r\nPING\r\n"), [])
    assert.deepStrictEqual(read("*1\0\r\n$4\r\nPING\r\n"), [])
    assert.deepStrictEqual(read("*1\r\n\0\r\n"), [])
    assert.deepStrictEqual(read("*1\r\n$3\r\na\0b\r\n"), [["a\0b"]])
  })

  it("inline commands have quotes, also amid a word", () => {
    assert.deepStrictEqual(read("SET a x\"y\"\r\n"), [["SET", "a", "xy"]])
    assert.deepStrictEqual(read("SET a b'c d'\r\n"), [["SET", "a", "bc d"]])
    assert.deepStrictEqual(read("SET a 'it\\'s a\\n'\r\n"), [["SET", "a", "it's a\\n"]])
    assert.deepStrictEqual(read("a \"\\a\\b\\t\\r\\n\\x00\\xZZ\\q\\\"\\\\\"\n"), [["a", "\x07\b\t\r\n\0xZZq\"\\"]])
    assert.deepStrictEqual(read("\"\" ''\r\n"), [["", ""]])
    for (const line of ["a \"b", "a 'b", "a \"b\"c", "a 'b'c", "a 'b\\'", "a b\"c"]) {
      assert.deepStrictEqual(read(`${line}\r\n`), ["unbalanced quotes in request"], line)
    }
  })

  it("inline words end at blanks of ASCII, a vertical tab not among them", () => {
    assert.deepStrictEqual(read("\v\fPING\tb\vc\xa0d\r\r\n"), [["PING", "b\vc\xa0d"]])
    assert.deepStrictEqual(read("PING\rPING\r\n\r\n\n \r\nPING\n"), [["PING", "PING"], ping])
  })

  it("who has not said who he is sends no more than is needed to do so", () => {
    assert.deepStrictEqual(read("*11\r\n", false), ["unauthenticated multibulk length"])
    assert.deepStrictEqual(read("*10\r\n$16385\r\n", false), ["unauthenticated bulk length"])
    assert.deepStrictEqual(read("*10\r\n$16384\r\n", false), [])
    assert.deepStrictEqual(read("*10\r\n$x\r\n", false), ["invalid bulk length"])
    assert.deepStrictEqual(read("a b c d e f g h i j k l\r\n", false), [[..."abcdefghijkl"]])
  })
})

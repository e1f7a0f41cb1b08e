import { assert, describe, it } from "@effect/vitest"
import * as Resp from "../src/Resp.ts"
import { ascii } from "./RespFixtures.ts"

const { Reply } = Resp

const pair = [[Reply.bulk("a"), Reply.double(0.5)]] as const

/** A reply, and its frames in RESP2 and, if it is another, in RESP3. */
const golden: ReadonlyArray<readonly [reply: Resp.Reply, resp2: string, resp3?: string]> = [
  [Reply.simple("OK"), "+OK\r\n"],
  [Reply.simple("a\r\nb"), "+a  b\r\n"],
  [Reply.error("ERR no\nsuch"), "-ERR no such\r\n"],
  [Reply.bulk("grüße"), "$7\r\ngrüße\r\n"],
  [Reply.bulk(ascii("a\r\n")), "$3\r\na\r\n\r\n"],
  [Reply.integer(-5), ":-5\r\n"],
  [Reply.integer(BigInt("9223372036854775807")), ":9223372036854775807\r\n"],
  [Reply.null, "$-1\r\n", "_\r\n"],
  [Reply.nullArray, "*-1\r\n", "_\r\n"],
  [Reply.array([Reply.integer(1), Reply.null]), "*2\r\n:1\r\n$-1\r\n", "*2\r\n:1\r\n_\r\n"],
  [Reply.map(pair), "*2\r\n$1\r\na\r\n$3\r\n0.5\r\n", "%1\r\n$1\r\na\r\n,0.5\r\n"],
  [Reply.set([Reply.integer(1)]), "*1\r\n:1\r\n", "~1\r\n:1\r\n"],
  [Reply.push([Reply.bulk("message")]), "*1\r\n$7\r\nmessage\r\n", ">1\r\n$7\r\nmessage\r\n"],
  [Reply.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  [Reply.double(Infinity), "$3\r\ninf\r\n", ",inf\r\n"],
  [Reply.double(-Infinity), "$4\r\n-inf\r\n", ",-inf\r\n"],
  [Reply.double(NaN), "$3\r\nnan\r\n", ",nan\r\n"],
  [Reply.double(-0), "$2\r\n-0\r\n", ",-0\r\n"],
  [Reply.boolean(true), ":1\r\n", "#t\r\n"],
  [Reply.boolean(false), ":0\r\n", "#f\r\n"],
  [Reply.bigNumber(BigInt(2) ** BigInt(70)), "$22\r\n1180591620717411303424\r\n", "(1180591620717411303424\r\n"],
  [Reply.verbatim("txt", "hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
  [Reply.bulkError("SYNTAX a\r\nb"), "-SYNTAX a  b\r\n", "!11\r\nSYNTAX a\r\nb\r\n"],
  [Reply.attribute(pair, Reply.integer(1)), ":1\r\n", "|1\r\n$1\r\na\r\n,0.5\r\n:1\r\n"]
]

describe("Resp.encodeReply", () => {
  for (const [reply, resp2, resp3 = resp2] of golden) {
    it(`sends ${JSON.stringify(resp3)} in RESP3`, () => {
      assert.deepStrictEqual(Resp.encodeReply(reply, 3), ascii(resp3))
    })

    it(`sends ${JSON.stringify(resp2)} in RESP2 for ${JSON.stringify(resp3)}`, () => {
      assert.deepStrictEqual(Resp.encodeReply(reply, 2), ascii(resp2))
    })
  }
})

describe("Resp.ReplyError", () => {
  it("takes its code from the first word", () => {
    assert.strictEqual(new Resp.ReplyError("MOVED 3999 127.0.0.1:6381").code, "MOVED")
    assert.strictEqual(new Resp.ReplyError("NOAUTH").code, "NOAUTH")
    assert.strictEqual(new Resp.ReplyError("").code, "")
    assert.notInstanceOf(new Resp.ReplyError("ERR"), Error)
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Address from "../src/Address.ts"

const key = (text: string): string => Result.getOrThrow(Address.parse(text)).key
const problem = (text: string): string => Result.getOrThrow(Result.flip(Address.parse(text)))

describe("Address", () => {
  describe("constructors", () => {
    it("tcp keeps host and port, and makes the key of them", () => {
      assert.deepStrictEqual(Address.tcp("127.0.0.1", 7000), {
        _tag: "Tcp",
        host: "127.0.0.1",
        port: 7000,
        key: "127.0.0.1:7000"
      })
    })

    it("tcp puts names in lower case", () => {
      assert.strictEqual(Address.tcp("Node-1.Example.COM", 6379).host, "node-1.example.com")
    })

    it("tcp stores IPv6 without brackets, whichever way it came", () => {
      assert.deepStrictEqual(Address.tcp("[FE80::1]", 1), Address.tcp("fe80::1", 1))
      assert.strictEqual(Address.tcp("[::1]", 7000).host, "::1")
      assert.strictEqual(Address.tcp("::1", 7000).key, "[::1]:7000")
    })

    it("unix keeps the path as it is", () => {
      assert.deepStrictEqual(Address.unix("/Run/R.sock"), {
        _tag: "Unix",
        path: "/Run/R.sock",
        key: "unix:/Run/R.sock"
      })
    })
  })

  it("equals compares endpoints, not objects", () => {
    assert.isTrue(Address.equals(Address.tcp("A", 1), Address.tcp("a", 1)))
    assert.isFalse(Address.equals(Address.tcp("a", 1), Address.tcp("a", 2)))
    assert.isFalse(Address.equals(Address.tcp("a", 1), Address.unix("a:1")))
  })

  describe("parse", () => {
    it.each([
      ["127.0.0.1:7000", "127.0.0.1:7000"],
      ["Redis.example.com:6379", "redis.example.com:6379"],
      ["redis_1:6379", "redis_1:6379"],
      ["[::1]:7000", "[::1]:7000"],
      ["::1:7000", "[::1]:7000"],
      [":::7000", "[::]:7000"],
      ["2001:db8::7:6379", "[2001:db8::7]:6379"],
      ["::ffff:10.0.0.1:6379", "[::ffff:10.0.0.1]:6379"],
      ["fe80::1%eth0:6379", "[fe80::1%eth0]:6379"],
      ["unix:/run/redis.sock", "unix:/run/redis.sock"],
      ["unix:///run/redis.sock", "unix:/run/redis.sock"],
      ["127.0.0.1:7000@17000", "127.0.0.1:7000"],
      ["::1:7000@17000,one.example.com,shard-id=1", "[::1]:7000"],
      [" localhost:1 ", "localhost:1"],
      ["localhost:65535", "localhost:65535"]
    ])("reads %j as %s", (text, expected) => {
      assert.strictEqual(key(text), expected)
    })

    it.each([
      ["", `An address is empty: write "host:port"`],
      ["localhost", `"localhost" has no port: write "localhost:6379"`],
      ["localhost:", `"localhost:" has no port: write "localhost:6379"`],
      [":7000", `":7000" has no host: write "127.0.0.1:7000"`],
      ["[::1]", `"[::1]" has no port: write "[::1]:6379"`],
      ["::1", `"::1" has no port: write "[::1]:6379"`],
      ["2001:db8:0:0:0:0:0:1", `"2001:db8:0:0:0:0:0:1" has no port: write "[2001:db8:0:0:0:0:0:1]:6379"`],
      ["unix:", `"unix:" has no path: write "unix:/path/to/redis.sock"`],
      ["redis://:secret@a:1", `An address is a URL: write "host:port"; TLS and credentials are options`],
      ["me:secret@a:1", `An address holds credentials: write "host:port"; they are options`],
      ["a b:1", `"a b:1" has no valid host: write "host:port", or "[v6]:port" for an IPv6 address`],
      ["?:1", `"?:1" has no valid host: write "host:port", or "[v6]:port" for an IPv6 address`],
      ["a:1:2", `"a:1:2" has no valid host: write "host:port", or "[v6]:port" for an IPv6 address`]
    ])("refuses %j and says what to write", (text, message) => {
      assert.strictEqual(problem(text), message)
    })

    it.each(["a:0", "a:65536", "a:-1", "a:1.5", "a:0x10", "a:port", "a:123456", "[::1]:0", "a:1 2"])(
      "refuses the port of %j",
      (text) => {
        assert.include(problem(text), "write a number from 1 to 65535 after the last colon")
      }
    )

    const host = Arbitrary.schema(
      Schema.Literals(["a", "Node.example.com", "10.1.2.3", "::1", "[fe80::a]", "2001:DB8::"])
    )
    const port = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 })))

    it.prop("reads back what toString wrote", { host, port }, ({ host, port }) => {
      const address = Address.tcp(host, port)
      assert.deepStrictEqual(Address.parse(Address.toString(address)), Result.succeed(address))
    })
  })

  describe("fromRedirect", () => {
    const current = Address.tcp("10.0.0.1", 7000)
    const redirect = (text: string) => Address.fromRedirect(text, current)?.key

    it("takes host and port as they are", () => {
      assert.strictEqual(redirect("10.0.0.2:7001"), "10.0.0.2:7001")
      assert.strictEqual(redirect("Node-2.example.com:7001"), "node-2.example.com:7001")
    })

    it("splits IPv6, which comes without brackets, at the last colon", () => {
      assert.strictEqual(redirect("2001:db8::2:7001"), "[2001:db8::2]:7001")
      assert.strictEqual(redirect("[2001:db8::2]:7001"), "[2001:db8::2]:7001")
    })

    it("reads an empty host as the host of the node that answered", () => {
      assert.strictEqual(redirect(":7001"), "10.0.0.1:7001")
      assert.strictEqual(Address.fromRedirect(":7001", Address.tcp("::1", 1))?.key, "[::1]:7001")
      assert.strictEqual(Address.fromRedirect(":7001", Address.unix("/run/r.sock"))?.key, "127.0.0.1:7001")
    })

    it.each([
      "?:7001",
      "10.0.0.2:0",
      "10.0.0.2:",
      "10.0.0.2",
      "",
      ":",
      "10.0.0.2:x",
      "10.0.0.2:70000",
      "a b:1",
      "__proto__"
    ])(
      "does not dial %j",
      (text) => {
        assert.isUndefined(redirect(text))
      }
    )
  })
})

describe("what is no text", () => {
  it.each<[unknown]>([[undefined], [null], [7000], [["10.0.0.1:7000"]], [{ host: "a", port: 1 }]])(
    "is no address, and no exception: %j",
    (value) => {
      assert.include(problem(value as string), `write "host:port"`)
      const address = Address.tcp(value as string, 7000)
      assert.isFalse(Address.isAddress(address))
      assert.isTrue(Result.isFailure(Address.read(address)))
    }
  )
})

import { assert, describe, it } from "@effect/vitest"
import { ConnectionString } from "@redisc/node"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

const read = (text: string | Redacted.Redacted) => {
  const result = ConnectionString.parse(text)
  if (Result.isFailure(result)) return assert.fail(result.failure)
  const { nodes, password, ...rest } = result.success
  return {
    ...rest,
    nodes: nodes.map((node) => node.key),
    ...(password === undefined ? {} : { password: Redacted.value(password) })
  }
}

const refused = (text: string) => {
  const result = ConnectionString.parse(text)
  return Result.isFailure(result) ? result.failure : assert.fail(`${text} was accepted`)
}

describe("a connection string", () => {
  it("names one node, on port 6379 unless it says another", () => {
    assert.deepStrictEqual(read("redis://localhost"), { nodes: ["localhost:6379"], secure: false })
    assert.deepStrictEqual(read("redis://10.0.0.1:7000/"), { nodes: ["10.0.0.1:7000"], secure: false })
    assert.deepStrictEqual(read(" REDIS://Redis.Example.com/0 "), {
      nodes: ["redis.example.com:6379"],
      secure: false,
      database: 0
    })
  })

  it("names several nodes", () => {
    assert.deepStrictEqual(read("redis://a,b:7001,[::1],[fe80::1]:7003").nodes, [
      "a:6379",
      "b:7001",
      "[::1]:6379",
      "[fe80::1]:7003"
    ])
  })

  it("asks for TLS with an s", () => {
    assert.isTrue(read("rediss://localhost").secure)
    assert.isTrue(read("valkeys://localhost").secure)
    assert.isFalse(read("valkey://localhost").secure)
  })

  it("names a database behind the hosts", () => {
    assert.strictEqual(read("redis://a,b:7001/3").database, 3)
    assert.isUndefined(read("redis://a/").database)
  })

  it("names Sentinels, on port 26379 unless it says another, and the primary that they watch", () => {
    assert.deepStrictEqual(read("redis+sentinel://ada:secret@a,b:7001/my%20master/2"), {
      nodes: ["a:26379", "b:7001"],
      secure: false,
      sentinel: "my master",
      database: 2,
      username: "ada",
      password: "secret"
    })
    assert.deepStrictEqual(read("rediss+sentinel://a/m"), { nodes: ["a:26379"], secure: true, sentinel: "m" })
    assert.strictEqual(read("valkeys+sentinel://a/m/").sentinel, "m")
  })

  it("holds credentials, percent-encoded", () => {
    assert.deepStrictEqual(read("redis://ada:p%40ss%2Fw%3Ard%25@h:1,i:2"), {
      nodes: ["h:1", "i:2"],
      secure: false,
      username: "ada",
      password: "p@ss/w:rd%"
    })
    assert.deepStrictEqual(read("redis://:secret@h"), { nodes: ["h:6379"], secure: false, password: "secret" })
    assert.deepStrictEqual(read("redis://ada@h"), { nodes: ["h:6379"], secure: false, username: "ada" })
    assert.strictEqual(read("redis://ada:a:b@h").password, "a:b")
    assert.strictEqual(read(Redacted.make("redis://:secret@h")).password, "secret")
  })

  it("is the path of a unix socket", () => {
    assert.deepStrictEqual(read("unix:///run/redis%20one.sock"), { nodes: ["unix:/run/redis one.sock"], secure: false })
    assert.strictEqual(read("unix://ada:secret@/run/redis.sock").username, "ada")
  })

  it("is refused with a message that says what to write", () => {
    assert.include(refused("localhost:6379"), "redis://")
    assert.include(refused("http://localhost"), "redis://")
    assert.include(refused(""), "redis://")
    assert.include(refused("redis://"), "has no host")
    assert.include(refused("redis://a,,b"), "Host 2 of 3")
    assert.include(refused("redis://a:0"), "Host 1 of 1")
    assert.include(refused("redis://::1"), "[v6]:port")
    assert.include(refused("redis://a/three"), "no number of a database")
    assert.include(refused("redis://a/1/2"), "no number of a database")
    assert.include(refused("redis://a/-1"), "no number of a database")
    assert.include(refused("redis+sentinel://a"), "redis+sentinel://host:26379/name")
    assert.include(refused("redis+sentinel://a/"), "redis+sentinel://host:26379/name")
    assert.include(refused("redis+sentinel://a//1"), "redis+sentinel://host:26379/name")
    assert.include(refused("redis+sentinel://a/%zz"), "redis+sentinel://host:26379/name")
    assert.include(refused("redis+sentinel://a/b/c"), "no number of a database")
    assert.include(refused("unix+sentinel:///a/b"), "redis://")
    assert.include(refused("redissx://a"), "redis://")
    assert.include(refused("redis://a?timeout=5"), "options")
    assert.include(refused("unix://relative/path"), "unix:///path")
    assert.include(refused("unix://"), "unix:///path")
  })

  it("never repeats its password in a message", () => {
    for (
      const text of [
        "redis://ada:s3cret%@h",
        "redis://ada:s3cret/more@h",
        "redis://ada:s3cret?@h",
        "redis://ada:@s3cret@h",
        "redis://ada:s3cret@",
        "redis://ada:s3cret@h:port",
        "redis://ada:s3cret@h/x",
        "redis+sentinel://ada:s3cret@h",
        "redis://ada:s3cret",
        "s3cret",
        "http://:s3cret@h",
        "redis://h?password=s3cret",
        "unix://:s3cret@"
      ]
    ) assert.notInclude(refused(text), "s3cret", text)
  })

  it.each([
    ["a line break", "a\nb"],
    ["a null byte", "a\0b"],
    ["an escape sequence", "a\u001b[2J"],
    ["256 characters", "a".repeat(256)],
    ["a megabyte", "a".repeat(1 << 20)]
  ])("is refused with a host or a path that has %s, and does not repeat it", (_, name) => {
    for (const text of [`redis://${name}`, `redis://${name}:7000`, `redis://ok,${name}`, `unix:///${name}\0`]) {
      const problem = refused(text)
      assert.isBelow(problem.length, 400)
      assert.notMatch(problem, /\p{C}/u)
    }
    assert.isBelow(refused(`unix:///${encodeURIComponent(name)}%00`).length, 400)
  })

  it("is refused as a Redacted that was wiped, and throws nothing", () => {
    const wiped = Redacted.make("redis://h")
    Redacted.wipeUnsafe(wiped)
    const parsed = ConnectionString.parse(wiped)
    assert.match(Result.isFailure(parsed) ? parsed.failure : "it was read", /^A connection string is text/)
  })
})

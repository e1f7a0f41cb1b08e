import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { Server } from "./harness.ts"
import type { Client } from "./harness.ts"

const client = (protocol: 2 | 3 = 2) => new Server().client(protocol)

const evaluate = (on: Client, code: string, ...args: ReadonlyArray<string>) => on.run(["EVAL", code, "0", ...args])

const sha = (code: string) => createHash("sha1").update(code).digest("hex")

describe("EVAL", () => {
  it("sees keys and arguments, calls commands, converts replies", () => {
    const one = client()
    const code =
      "redis.call('SET', KEYS[1], ARGV[1]) return {redis.call('GET', KEYS[1]), 3.9, true, false, {ok = 'fine'}}"
    assert.strictEqual(one.run(["EVAL", code, "1", "k", "v"]), "[v :3 :1 nil +fine]")
    assert.strictEqual(one.run("GET k"), "v")
  })

  it("answers in the types of RESP3 after redis.setresp(3)", () => {
    const one = client(3)
    one.run("HSET h a 1")
    assert.strictEqual(evaluate(one, "return redis.call('HGETALL', 'h')"), "[a 1]")
    assert.strictEqual(evaluate(one, "redis.setresp(3) return redis.call('HGETALL', 'h')"), "{a 1}")
    assert.strictEqual(evaluate(one, "redis.setresp(3) return {true, {double = 1.5}}"), "[#t ,1.5]")
    // The choice ends with the script.
    assert.strictEqual(evaluate(one, "return redis.call('HGETALL', 'h')"), "[a 1]")
  })

  it("tells of errors with the script and the line", () => {
    const code = "local a = 1\nreturn a.b.c"
    assert.strictEqual(
      evaluate(client(), code),
      `-ERR user_script:2: attempt to index local 'a' (a number value) script: ${sha(code)}, on @user_script:2.`
    )
  })

  it("keeps bytes as they are", () => {
    const { server } = client()
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("")
    const reply = server.run(server.client(), ["EVAL", "return ARGV[1] .. #ARGV[1]", "0", bytes])
    assert.deepStrictEqual(reply, { _tag: "Bulk", value: `${bytes}256` })
  })

  it("lets nothing of one script reach the next", () => {
    const one = client()
    assert.match(evaluate(one, "leak = 1"), /Attempt to modify a readonly table/)
    assert.match(evaluate(one, "string.rep = nil"), /Attempt to modify a readonly table/)
    assert.match(evaluate(one, "return leak"), /nonexistent global variable 'leak'/)
    assert.match(evaluate(one, "return os.getenv('HOME')"), /nonexistent global variable 'os'/)
    assert.match(evaluate(one, "return io"), /nonexistent global variable 'io'/)
    assert.match(evaluate(one, "return require"), /nonexistent global variable 'require'/)
  })

  it("stops a script that does not end, and goes on", () => {
    const one = client()
    assert.match(evaluate(one, "while true do end"), /^-ERR the script did not end after \d+ instructions/)
    assert.match(evaluate(one, "while true do pcall(redis.call, 'PING') end"), /did not end/)
    assert.strictEqual(evaluate(one, "return 1"), ":1")
    assert.strictEqual(one.run(`EVALSHA ${sha("return 1")} 0`), ":1")
  })

  it("stops a script that wants too much memory", () => {
    const one = client()
    assert.match(evaluate(one, "local s = ('x'):rep(1e6) while true do s = s .. s end"), /^-ERR .*not enough memory/)
    assert.strictEqual(evaluate(one, "return 1"), ":1")
  })

  it("draws the same random numbers in every run", () => {
    const code = "return {math.random(100), math.random(100)}"
    assert.strictEqual(evaluate(client(), code), evaluate(client(), code))
  })
})

describe("the cache of scripts", () => {
  it("knows what was run or loaded, until it is flushed", () => {
    const one = client()
    const digest = sha("return 7")
    const noScript = "-NOSCRIPT No matching script. Please use EVAL."
    assert.strictEqual(one.run(`EVALSHA ${digest} 0`), noScript)
    assert.strictEqual(one.run(["SCRIPT", "LOAD", "return 7"]), digest)
    assert.strictEqual(one.run(`EVALSHA ${digest.toUpperCase()} 0`), ":7")
    assert.strictEqual(one.run(`SCRIPT EXISTS ${digest} ${sha("")}`), "[:1 :0]")
    assert.strictEqual(one.run("SCRIPT FLUSH"), "+OK")
    assert.strictEqual(one.run(`EVALSHA ${digest} 0`), noScript)
  })

  it("is of one node", () => {
    const [one, other] = [client(), client()]
    const digest = one.run(["SCRIPT", "LOAD", "return 7"])
    assert.strictEqual(other.run(`SCRIPT EXISTS ${digest}`), "[:0]")
  })
})

describe("limits", () => {
  it("read-only scripts don't write", () => {
    const one = client()
    const code = "return redis.call('SET', 'a', '1')"
    const refusal = /^-ERR Write commands are not allowed from read-only scripts\. script:/
    assert.match(one.run(["EVAL_RO", code, "0"]), refusal)
    assert.match(evaluate(one, `#!lua flags=no-writes\n${code}`), refusal)
    assert.strictEqual(one.run("GET a"), "nil")
  })

  it("a script with flags stays in one slot", () => {
    const one = client()
    const code = "#!lua\nredis.call('SET', 'a', '1') return redis.call('SET', 'b', '1')"
    assert.match(evaluate(one, code), /access keys that do not hash to the same slot/)
    assert.strictEqual(evaluate(one, code.replace("#!lua", "#!lua flags=allow-cross-slot-keys")), "+OK")
  })
})

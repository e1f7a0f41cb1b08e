import { assert, describe, it } from "@effect/vitest"
import { Server } from "./harness.ts"

const library = `#!lua name=lib
local calls = 0
local function count() calls = calls + 1 return calls end
redis.register_function('echo', function(keys, args) return {keys, args} end)
redis.register_function{
  function_name = 'count', callback = count, description = 'counts', flags = {'no-writes'}
}
redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1]) end)`

const loaded = (protocol: 2 | 3 = 2) => {
  const client = new Server().client(protocol)
  assert.strictEqual(client.run(["FUNCTION", "LOAD", library]), "lib")
  return client
}

describe("functions", () => {
  it("are called with their keys and arguments", () => {
    const client = loaded()
    assert.strictEqual(client.run("FCALL echo 1 k a b"), "[[k] [a b]]")
    assert.strictEqual(client.run("FCALL ECHO 0"), "[[] []]")
    assert.strictEqual(client.run("FCALL put 1 k v"), "+OK")
    assert.strictEqual(client.run("GET k"), "v")
    assert.strictEqual(client.run("FCALL nothing 0"), "-ERR Function not found")
  })

  it("keep the variables of their library", () => {
    const client = loaded()
    assert.deepStrictEqual([client.run("FCALL count 0"), client.run("FCALL_RO count 0")], [":1", ":2"])
    assert.strictEqual(
      client.run("FCALL_RO put 1 k v"),
      "-ERR Can not execute a script with write flag using *_ro command."
    )
  })

  it("are listed, replaced and deleted", () => {
    const client = loaded(3)
    assert.include(client.run("FUNCTION LIST"), "{name count description counts flags ~[+no-writes]}")
    assert.strictEqual(client.run(["FUNCTION", "LOAD", library]), "-ERR Library 'lib' already exists")
    assert.strictEqual(client.run(["FUNCTION", "LOAD", "REPLACE", library]), "lib")
    assert.strictEqual(client.run("FUNCTION DELETE lib"), "+OK")
    assert.strictEqual(client.run("FUNCTION LIST"), "[]")
    assert.strictEqual(client.run("FCALL count 0"), "-ERR Function not found")
  })

  it("are restored from a dump, or not at all", () => {
    const client = loaded()
    const dump = client.server.run(client, ["FUNCTION", "DUMP"])
    const payload = dump?._tag === "Bulk" ? String(dump.value) : ""
    const restore = (...policy: ReadonlyArray<string>) => {
      const reply = client.server.run(client, ["FUNCTION", "RESTORE", payload, ...policy])
      return reply?._tag === "Error" ? reply.message : "OK"
    }
    assert.strictEqual(restore(), "ERR Library lib already exists")
    assert.strictEqual(restore("REPLACE"), "OK")
    assert.strictEqual(client.run("FUNCTION FLUSH"), "+OK")
    assert.strictEqual(restore(), "OK")
    assert.strictEqual(client.run("FCALL echo 0"), "[[] []]")
  })

  it("survive one that had to be stopped", () => {
    const client = loaded()
    client.run([
      "FUNCTION",
      "LOAD",
      "#!lua name=bad\nredis.register_function('spin', function() while true do end end)"
    ])
    assert.match(client.run("FCALL spin 0"), /did not end/)
    assert.strictEqual(client.run("FCALL echo 1 k"), "[[k] []]")
  })
})

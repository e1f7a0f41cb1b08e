import { assert, layer } from "@effect/vitest"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { cli } from "./cli.ts"

const ask = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.callback<string, Error>((resume) => {
    execFile(cli ?? "redis-cli", ["-c", "-p", String(port), ...args], { timeout: 60_000 }, (problem, out) => {
      resume(problem === null ? Effect.succeed(out.trim()) : Effect.fail(problem))
    })
  })

layer(FakeCluster.layerConnector({ replicas: 1 }), { excludeTestServices: true })("the door", (it) => {
  it.effect("lets redis-cli in, and it follows redirects", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const [first, , third] = yield* fake.listen
      assert.strictEqual(yield* ask(first.port, "SET", "foo", "bar"), "OK")
      assert.strictEqual(yield* ask(third.port, "GET", "foo"), "bar")
      assert.strictEqual(yield* ask(first.port, "PING"), "PONG")
      const nodes = yield* ask(first.port, "CLUSTER", "NODES")
      assert.strictEqual(nodes.split("\n").length, 6)
      assert.include(nodes, `127.0.0.1:${third.port}@`)
    }))
})

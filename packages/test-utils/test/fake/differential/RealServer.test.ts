import { assert, describe, it } from "@effect/vitest"
import { RealServer } from "./RealServer.ts"

describe("a real server that dies", () => {
  it("fails all that waits for it, with what it said at last", async () => {
    const server = await RealServer.start()
    const failure = (waiting: Promise<unknown>) =>
      waiting.then(() => "nothing", (error: unknown) => error instanceof Error ? error.message : "something")
    try {
      const [one, other] = [await server.connection(2), await server.connection(3)]
      const waiting = [
        failure(one.send(["BLPOP", "list", "0"])),
        failure(one.send(["PING"])),
        failure(other.until(() => other.pushed.length > 0))
      ]
      process.kill(server.pid, "SIGSEGV")
      for (const message of [...await Promise.all(waiting), await failure(one.send(["PING"]))]) {
        assert.include(message, `the server has ended (${server.kind} ${server.version})`)
        assert.include(message, "BUG REPORT START")
      }
      assert.include(await failure(server.connection(2)), "the server has ended")
    } finally {
      await server.stop()
    }
  })

  it("does not start with a setting that it refuses, and says which", async () => {
    const message = await RealServer.start({ "no-such-directive": "1" }).then(
      () => "it started",
      (error: unknown) => String(error)
    )
    assert.include(message, "no-such-directive")
  })
})

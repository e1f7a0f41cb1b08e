/** What a replica of Valkey tells a client that follows redirects: as seen on Valkey 9.1.2, and compared where one is installed. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { findServer } from "../../../src/internal/serverProcess.ts"
import { fakePair, realPair, run } from "./servers.ts"
import type { Pair, Step } from "./servers.ts"

const there = "-REDIRECT 127.0.0.1:port0"

/** What the replica is told, and what it answers. */
const dialogue: ReadonlyArray<readonly [command: string, answer: string]> = [
  ["GET k", "nil"],
  ["SET k v", "-READONLY You can't write against a read only replica."],
  ["CLIENT CAPA unheard-of", "+OK"],
  ["GET k", "nil"],
  ["CLIENT CAPA redirect", "+OK"],
  ["GET k", there],
  ["SET k v", there],
  ["DBSIZE", there],
  ["KEYS *", there],
  ["SCAN 0", there],
  ["PING", "+PONG"],
  ["PUBLISH news 1", ":0"],
  ["ASKING", "-ERR This instance has cluster support disabled"],
  ["MULTI", "+OK"],
  ["GET k", there],
  ["EXEC", "-EXECABORT Transaction discarded because of previous errors."],
  ["MULTI", "+OK"],
  ["PING", "+QUEUED"],
  ["EXEC", "[+PONG]"],
  ["READONLY", "+OK"],
  ["GET k", "nil"],
  ["SET k v", there],
  ["MULTI", "+OK"],
  ["GET k", "+QUEUED"],
  ["EXEC", "[nil]"],
  ["READWRITE", "+OK"],
  ["GET k", there],
  ["RESET", "+RESET"],
  ["GET k", there]
]

const steps = dialogue.map(([command]): Step => `a@1: ${command}`)
const expected = dialogue.map(([, answer]) => [`a: ${answer}`])

const { kind, version } = await Effect.runPromise(findServer(undefined))
const redirects = kind === "valkey" && Number.parseFloat(version) >= 8

const holds = (title: string, pair: () => Promise<Pair>) =>
  it(title, async () => {
    const servers = await pair()
    try {
      await servers.restore()
      assert.deepStrictEqual(await run(servers, steps, 2), expected)
    } finally {
      await servers.stop()
    }
  })

describe("a replica without cluster mode redirects", () => {
  holds("in memory", () => fakePair({ redirect: true }))
  if (redirects) holds(`on ${kind} ${version}`, () => realPair())
})

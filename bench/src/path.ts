/**
 * Measures only the client's own part of a command, without sockets, servers or a kernel. Fibers send GETs over a transport
 * that answers each with the same value. The figure is processor time.
 *
 * Usage: npm run bench:path -- [fibers] [commands]
 */
import * as Effect from "effect/Effect"
import { Answering, key } from "./answering/answering.ts"
import { clientOf, gets } from "./answering/client.ts"
import { contiguous } from "./answering/layout.ts"

const fibers = Number(process.argv[2] ?? 500)
const commands = Number(process.argv[3] ?? 1_000_000)
const rounds = 5

const keys = Array.from({ length: 10_000 }, (_, n) => key(n))

const measured = Effect.gen(function*() {
  const all = gets(keys, fibers, commands)
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    yield* all
    const { system, user } = process.cpuUsage(before)
    times.push((user + system) / commands)
  }
  const each = times.map((time) => time.toFixed(3)).join(", ")
  yield* Effect.log(`${fibers} fibers: ${Math.min(...times).toFixed(3)} µs of processor time a command (${each})`)
})

await Effect.runPromise(Effect.provide(measured, clientOf(new Answering(contiguous(3)))))

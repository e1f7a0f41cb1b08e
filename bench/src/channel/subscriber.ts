/**
 * The process that one subscriber runs in: tells its parent when it is subscribed, and again, with figures, when it has
 * heard everything.
 *
 * Usage: node subscriber.ts <client> <port> <channel> <messages>
 */
import { subscribers } from "./subscribers.ts"
import type { SubscriberName } from "./subscribers.ts"

export interface Figures {
  readonly seconds: number
  /** Processor time of this process in microseconds. */
  readonly cpu: number
}

const [name, port, channel, messages] = process.argv.slice(2)
const all = Number(messages)
// What comes first runs uncompiled, and is not measured.
const warmUp = all / 4
let heard = 0
let start = 0n
let before = process.cpuUsage()

await subscribers[name as SubscriberName](Number(port), channel, (payload) => {
  if (payload.length !== 100) throw new Error(`a payload of ${payload.length} characters`)
  heard++
  if (heard === warmUp) {
    start = process.hrtime.bigint()
    before = process.cpuUsage()
  }
  if (heard < all) return
  const { system, user } = process.cpuUsage(before)
  const figures: Figures = { seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu: user + system }
  process.send?.(figures, () => process.exit(0))
})
process.send?.("subscribed")

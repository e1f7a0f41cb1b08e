/** One read, and those who wait for it. */
import { assert, describe, it } from "@effect/vitest"
import { Flight } from "../src/internal/caching/flight.ts"
import { Unattended } from "../src/internal/connection/call.ts"
import * as Redis from "../src/Redis.ts"
import { keyOfA } from "./support/scenes.ts"

const get = Redis.get(keyOfA)
const itinerary = { command: get, slot: 0, epoch: 0, keys: [keyOfA], texts: [keyOfA] }

/** A flight with so many passengers, and how often they were looked at to see who waits. */
const flightOf = (count: number) => {
  const looks = { count: 0, lost: 0 }
  const calls = Array.from({ length: count }, () => {
    let hasLeft = false
    return Object.defineProperty(new Unattended(get, false, Infinity), "abandoned", {
      get: () => {
        looks.count++
        return hasLeft
      },
      set: (left: boolean) => {
        hasLeft = left
      }
    })
  })
  const again = () => {}
  const flight = new Flight({ call: calls[0], again }, itinerary, {
    landed: () => {},
    lost: () => looks.lost++,
    report: () => {}
  })
  for (const call of calls.slice(1)) flight.join({ call, again })
  return { calls, flight, looks }
}

describe("a flight that is not sent yet", () => {
  it("is awaited until the last has left, and looks at each a few times only, in whatever order they leave", () => {
    const count = 1000
    for (const isLastFirst of [false, true]) {
      const { calls, flight, looks } = flightOf(count)
      if (isLastFirst) calls.reverse()
      calls.forEach((call, index) => {
        assert.deepStrictEqual([flight.isAwaited, looks.lost], [true, 0], `${index} have left`)
        call.abandon()
      })
      assert.deepStrictEqual([flight.isAwaited, looks.lost], [false, 1])
      assert.isBelow(looks.count, 10 * count)
    }
  })
})

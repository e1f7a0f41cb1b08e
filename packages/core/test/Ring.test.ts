import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { Attempt } from "../src/internal/connection/call.ts"
import type { Call } from "../src/internal/connection/call.ts"
import { Ring } from "../src/internal/connection/ring.ts"
import * as Redis from "../src/Redis.ts"

const call = (): Call => new Attempt(Redis.ping(), false, Infinity, () => {})

const listed = (queue: Ring<Call>): ReadonlyArray<Call> => {
  const calls: Array<Call> = []
  queue.forEach((call) => calls.push(call))
  return calls
}

/** How many are pushed, or, where negative, shifted. */
const steps = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -50, maximum: 50 }))), {
  maxLength: 30
})

describe("Ring", () => {
  it.prop("is a queue, however pushes and shifts alternate", { steps }, ({ steps }) => {
    const queue = new Ring<Call>()
    const model: Array<Call> = []
    for (const step of steps) {
      for (let n = 0; n < step; n++) {
        const next = call()
        queue.push(next)
        model.push(next)
      }
      for (let n = 0; n > step; n--) assert.strictEqual(queue.shift(), model.shift())
      assert.strictEqual(queue.length, model.length)
      assert.strictEqual(queue.peek(), model[0])
      assert.deepStrictEqual(listed(queue), model)
    }
    assert.deepStrictEqual(queue.drain(), model)
    assert.strictEqual(queue.length, 0)
  })

  it("goes on after it was very long", () => {
    const queue = new Ring<Call>()
    const calls = Array.from({ length: 40_000 }, call)
    for (const each of calls) queue.push(each)
    for (const each of calls) assert.strictEqual(queue.shift(), each)
    assert.isUndefined(queue.shift())
    queue.push(calls[0])
    assert.deepStrictEqual(listed(queue), [calls[0]])
  })

  it("finds the oldest that fits", () => {
    const queue = new Ring<Call>()
    const calls = Array.from({ length: 3 }, call)
    for (const each of calls) queue.push(each)
    queue.shift()
    assert.strictEqual(queue.find(() => true), calls[1])
    assert.isUndefined(queue.find((each) => each === calls[0]))
  })

  it("puts an item before all others, also where it is full", () => {
    const ring = new Ring<number>()
    for (let i = 0; i < 16; i++) ring.push(i)
    ring.shift()
    ring.unshift(-1)
    ring.unshift(-2)
    assert.strictEqual(ring.length, 17)
    assert.deepStrictEqual(ring.drain(), [-2, -1, ...Array.from({ length: 15 }, (_, i) => i + 1)])
  })
})

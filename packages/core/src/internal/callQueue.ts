/**
 * Calls in order, in a ring of places that are used again and again: an array that grows and is emptied in turn is allocated
 * anew all the time.
 *
 * ```
 *   [ item  item  free  free | item  item ]
 *                 ^push        ^first
 * ```
 */
import type { Call } from "./call.ts"

const least = 16

/** A ring with more places than this is given up once it is empty. */
const most = 16_384

const placesFor = (count: number): Array<Call | undefined> => Array.from({ length: count }, () => undefined)

export class CallQueue {
  /** Their number is a power of two. */
  private places = placesFor(least)
  private first = 0
  private count = 0

  get length(): number {
    return this.count
  }

  push(call: Call): void {
    if (this.count === this.places.length) this.grow()
    this.places[(this.first + this.count) & (this.places.length - 1)] = call
    this.count++
  }

  private grow(): void {
    const places = placesFor(this.places.length * 2)
    for (let i = 0; i < this.count; i++) places[i] = this.at(i)
    this.places = places
    this.first = 0
  }

  private at(index: number): Call | undefined {
    return this.places[(this.first + index) & (this.places.length - 1)]
  }

  peek(): Call | undefined {
    return this.places[this.first]
  }

  shift(): Call | undefined {
    const call = this.places[this.first]
    if (call === undefined) return undefined
    this.places[this.first] = undefined
    this.first = (this.first + 1) & (this.places.length - 1)
    this.count--
    if (this.count === 0 && this.places.length > most) {
      this.places = placesFor(least)
      this.first = 0
    }
    return call
  }

  /** Takes all that are there now. */
  drain(): ReadonlyArray<Call> {
    const calls: Array<Call> = []
    for (let call = this.shift(); call !== undefined; call = this.shift()) calls.push(call)
    return calls
  }

  /** The oldest that fits. */
  find(fits: (call: Call) => boolean): Call | undefined {
    for (let i = 0; i < this.count; i++) {
      const call = this.at(i) as Call
      if (fits(call)) return call
    }
    return undefined
  }

  /** Visits all, oldest first, without taking them. The visitor may not change the queue. */
  forEach(visit: (call: Call) => void): void {
    for (let i = 0; i < this.count; i++) visit(this.at(i) as Call)
  }
}

/**
 * The flights that others may join, by their keys, and of one key by the hash of the command: thousands may be about one hash.
 */
import { hashOf } from "./entry.ts"
import type { Question } from "./entry.ts"
import type { Flight } from "./flight.ts"
import { isSame } from "./store.ts"

export class Flights {
  private readonly byKey = new Map<string, Map<number, Flight>>()

  get isEmpty(): boolean {
    return this.byKey.size === 0
  }

  find(key: string, question: Question): Flight | undefined {
    const flights = this.byKey.get(key)
    if (flights === undefined) return undefined
    const flight = flights.get(hashOf(question.spec.name, question.args, question.bytes))
    return flight !== undefined && isSame(flight.command, question) ? flight : undefined
  }

  has(flight: Flight): boolean {
    return this.byKey.get(flight.texts[0])?.get(flight.hash) === flight
  }

  /** Adds a flight in place of one for the same. */
  add(flight: Flight): void {
    const before = this.byKey.get(flight.texts[0])?.get(flight.hash)
    if (before !== undefined) this.remove(before)
    for (const key of flight.texts) {
      const flights = this.byKey.get(key)
      if (flights === undefined) this.byKey.set(key, new Map([[flight.hash, flight]]))
      else flights.set(flight.hash, flight)
    }
  }

  remove(flight: Flight): void {
    for (const key of flight.texts) {
      const flights = this.byKey.get(key)
      if (flights?.get(flight.hash) !== flight) continue
      flights.delete(flight.hash)
      if (flights.size === 0) this.byKey.delete(key)
    }
  }

  /** Takes out all about a key. */
  take(key: string): ReadonlyArray<Flight> {
    const flights = this.byKey.get(key)
    if (flights === undefined) return []
    const all = [...flights.values()]
    for (const flight of all) this.remove(flight)
    return all
  }

  /** Takes out all. */
  drain(): ReadonlyArray<Flight> {
    const all = new Set<Flight>()
    for (const flights of this.byKey.values()) for (const flight of flights.values()) all.add(flight)
    this.byKey.clear()
    return [...all]
  }
}

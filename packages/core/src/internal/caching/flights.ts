/**
 * The flights that others may join, by their keys.
 */
import type * as Command from "../../Command.ts"
import type { Flight } from "./flight.ts"
import { isSame } from "./store.ts"

export class Flights {
  private readonly byKey = new Map<string, Set<Flight>>()

  get isEmpty(): boolean {
    return this.byKey.size === 0
  }

  find(key: string, command: Command.Any): Flight | undefined {
    const flights = this.byKey.get(key)
    if (flights === undefined) return undefined
    for (const flight of flights) if (isSame(flight.command, command)) return flight
    return undefined
  }

  has(flight: Flight): boolean {
    return this.byKey.get(flight.texts[0])?.has(flight) === true
  }

  add(flight: Flight): void {
    for (const key of flight.texts) {
      const flights = this.byKey.get(key)
      if (flights === undefined) this.byKey.set(key, new Set([flight]))
      else flights.add(flight)
    }
  }

  remove(flight: Flight): void {
    for (const key of flight.texts) {
      const flights = this.byKey.get(key)
      if (flights?.delete(flight) === true && flights.size === 0) this.byKey.delete(key)
    }
  }

  /** Takes out all about a key. */
  take(key: string): ReadonlyArray<Flight> {
    const flights = this.byKey.get(key)
    if (flights === undefined) return []
    const all = [...flights]
    for (const flight of all) this.remove(flight)
    return all
  }

  /** Takes out all. */
  drain(): ReadonlyArray<Flight> {
    const all = new Set<Flight>()
    for (const flights of this.byKey.values()) for (const flight of flights) all.add(flight)
    this.byKey.clear()
    return [...all]
  }
}

/**
 * Finds entries by their keys.
 *
 * A Map that loses as many items as it gets is rebuilt by V8 now and then, which takes tens of milliseconds for one of 300,000
 * items. So there are many, of which a key chooses one.
 */
import type { Entry, Question } from "./entry.ts"
import { Family } from "./family.ts"

const count = 64

/** Looks at no more than 8 places of the key, among them each run of digits that could tell it from others like it. */
const shelfOf = (key: string): number => {
  const step = (key.length >> 3) + 1
  let mix = key.length
  for (let at = key.length - 1; at >= 0; at -= step) mix = Math.imul(mix, 31) + key.charCodeAt(at)
  return (mix ^ (mix >>> 6)) & (count - 1)
}

export class Shelves<E extends Entry> {
  private readonly shelves = Array.from({ length: count }, () => new Map<string, E | Family<E>>())

  /** The number of keys. */
  get size(): number {
    return this.shelves.reduce((sum, shelf) => sum + shelf.size, 0)
  }

  find(key: string, question: Question): E | undefined {
    const found = this.shelves[shelfOf(key)].get(key)
    const entry = found instanceof Family ? found.find(question) : found
    return entry !== undefined && entry.answers(question) ? entry : undefined
  }

  /** The entry about a key whose command has this hash. */
  withHash(key: string, hash: number): E | undefined {
    const found = this.shelves[shelfOf(key)].get(key)
    if (found instanceof Family) return found.withHash(hash)
    return found?.hash === hash ? found : undefined
  }

  all(key: string): ReadonlyArray<E> {
    const found = this.shelves[shelfOf(key)].get(key)
    if (found === undefined) return []
    return found instanceof Family ? found.all() : [found]
  }

  /** Adds an entry under each of its keys, under which there is no other of its hash. */
  add(entry: E): void {
    for (const key of entry.keys) {
      const shelf = this.shelves[shelfOf(key)]
      const found = shelf.get(key)
      // A key that is named twice has the entry already.
      if (found === entry) continue
      if (found === undefined) shelf.set(key, entry)
      else if (!(found instanceof Family)) shelf.set(key, new Family(found, entry))
      else if (found.withHash(entry.hash) === undefined) found.add(entry)
    }
  }

  remove(entry: E): void {
    for (const key of entry.keys) {
      const shelf = this.shelves[shelfOf(key)]
      const found = shelf.get(key)
      if (found === entry) {
        shelf.delete(key)
      } else if (found instanceof Family && found.withHash(entry.hash) === entry) {
        found.remove(entry)
        if (found.size === 1) shelf.set(key, found.all()[0])
      }
    }
  }

  clear(): void {
    for (const shelf of this.shelves) shelf.clear()
  }
}

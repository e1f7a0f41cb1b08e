/** The entries about one key, if there are several: found one by one while they are few, by their hashes once they are many. */
import type { Entry, Question } from "./entry.ts"
import { hashOf } from "./entry.ts"

const few = 8

export class Family<E extends Entry> {
  /** As long as needed, and no longer: an array that grows keeps room for many more. */
  private list: ReadonlyArray<E>
  private byHash: Map<number, E> | undefined = undefined

  constructor(first: E, second: E) {
    this.list = [first, second]
  }

  get size(): number {
    return this.byHash === undefined ? this.list.length : this.byHash.size
  }

  find(question: Question): E | undefined {
    if (this.byHash !== undefined) {
      return this.byHash.get(hashOf(question.spec.name, question.args, question.bytes))
    }
    for (const entry of this.list) {
      if (entry.answers(question)) return entry
    }
    return undefined
  }

  withHash(hash: number): E | undefined {
    return this.byHash === undefined ? this.list.find((entry) => entry.hash === hash) : this.byHash.get(hash)
  }

  /** Adds an entry, of whose hash there is no other. */
  add(entry: E): void {
    if (this.byHash !== undefined) {
      this.byHash.set(entry.hash, entry)
    } else if (this.list.length < few) {
      this.list = [...this.list, entry]
    } else {
      this.byHash = new Map([...this.list, entry].map((each) => [each.hash, each]))
      this.list = []
    }
  }

  remove(entry: E): void {
    if (this.byHash === undefined) {
      this.list = this.list.filter((each) => each !== entry)
    } else {
      this.byHash.delete(entry.hash)
      if (this.byHash.size > few / 2) return
      this.list = Array.from(this.byHash.values())
      this.byHash = undefined
    }
  }

  all(): ReadonlyArray<E> {
    return this.byHash === undefined ? this.list : Array.from(this.byHash.values())
  }
}

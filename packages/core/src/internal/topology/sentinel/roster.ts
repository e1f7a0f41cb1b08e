/**
 * The sentinels that are known: those that the program has given, which are never dropped, and those that others have told of.
 * Knows which have answered, and which addresses lead to the same one.
 */
import type { Address } from "../../../Address.ts"

/** The number of sentinels that are listened to, and of those asked at once. */
export const voters = 5

/** The number of sentinels that are known by hearsay. */
const mostTold = 32

export class Roster {
  private readonly given: ReadonlyArray<Address>
  private told: ReadonlyArray<Address> = []
  /** The ids of sentinels by the keys of their addresses. */
  private readonly ids = new Map<string, string>()
  private answered: ReadonlySet<string> = new Set()
  private preferred: string | undefined

  constructor(given: ReadonlyArray<Address>) {
    this.given = given.slice()
  }

  /** All of them: first the one to prefer, then those that have answered when they were last asked. */
  get inOrder(): ReadonlyArray<Address> {
    const all = new Map([...this.given, ...this.told].map((address) => [address.key, address]))
    const rank = ({ key }: Address): number => key === this.preferred ? 0 : this.answered.has(key) ? 1 : 2
    const sorted = Array.from(all.values()).toSorted((a, b) => rank(a) - rank(b))
    const seen = new Set<string>()
    return sorted.filter(({ key }) => {
      const id = this.ids.get(key)
      if (id === undefined) return true
      const isNew = !seen.has(id)
      seen.add(id)
      return isNew
    })
  }

  /** Who has answered, with the ids that they say to have; and which of them is to be asked first from now on. */
  heard(from: ReadonlyArray<{ readonly sentinel: Address; readonly id: string | undefined }>): void {
    this.answered = new Set(from.map(({ sentinel }) => sentinel.key))
    for (const { id, sentinel } of from) if (id !== undefined) this.ids.set(sentinel.key, id)
    if (this.preferred === undefined || !this.answered.has(this.preferred)) this.preferred = from[0]?.sentinel.key
  }

  /** Others that the sentinels tell of, instead of those that they told of before. */
  tell(others: ReadonlyArray<{ readonly address: Address; readonly id: string | undefined }>): void {
    const known = new Set(this.given.flatMap(({ key }) => this.ids.get(key) ?? []))
    const told = new Map<string, Address>()
    for (const { address, id } of others) {
      // One that is given by name is told of by its address.
      if ((id !== undefined && known.has(id)) || told.size >= mostTold) continue
      told.set(address.key, address)
    }
    this.told = Array.from(told.values())
    const keys = new Set([...this.given, ...this.told].map(({ key }) => key))
    for (const key of this.ids.keys()) if (!keys.has(key)) this.ids.delete(key)
  }
}

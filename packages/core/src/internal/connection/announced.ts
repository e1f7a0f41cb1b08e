/**
 * Tells addresses that only the cluster has told from those that the user gave. If nobody was ever reached at one of the former,
 * the cluster and the client may stand in different networks, and its failures say what to do about it.
 */
import type { Address } from "../../Address.ts"

export const hint =
  "the cluster announced this address; if it can't be reached from here, let the servers announce one that can " +
  "(cluster-announce-ip, or -hostname), or translate it with addressMap"

export class Announced {
  private readonly given = new Set<string>()
  private readonly reached = new Set<string>()

  /** The addresses that the user gave. Until there are some, nothing is known of where others come from. */
  give(addresses: ReadonlyArray<Address>): void {
    for (const { key } of addresses) this.given.add(key)
  }

  noteReached({ key }: Address): void {
    if (this.given.size > 0 && !this.given.has(key)) this.reached.add(key)
  }

  forget(key: string): void {
    this.reached.delete(key)
  }

  /** What to add to a failure to connect there. */
  hintFor({ _tag, key }: Address): string | undefined {
    return _tag === "Tcp" && this.given.size > 0 && !this.given.has(key) && !this.reached.has(key) ? hint : undefined
  }
}

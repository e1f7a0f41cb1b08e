/**
 * The nodes outside of the map that redirects have led to. A broken node, or one that lies, may name ever new addresses: only a few
 * of them are connected to at the same time, and only a few new ones in a second.
 */

/** How many there are at most. Of more the oldest goes, with its connections. */
const limit = 32
/** How many new ones are followed within a second. */
const newPerSecond = 32

export class Strangers {
  /** The keys of their addresses, with those that redirects have named last at the end. */
  private readonly keys = new Set<string>()
  private readonly leave: (key: string) => void
  private second = -Infinity
  private fresh = 0

  constructor(leave: (key: string) => void) {
    this.leave = leave
  }

  /** Whether a redirect to such a node is to be followed now. */
  admit(key: string, now: number): boolean {
    if (!this.keys.delete(key)) {
      if (now - this.second >= 1000) {
        this.second = now
        this.fresh = 0
      }
      if (this.fresh >= newPerSecond) return false
      this.fresh++
    }
    this.keys.add(key)
    if (this.keys.size > limit) {
      const [oldest] = this.keys
      this.keys.delete(oldest)
      this.leave(oldest)
    }
    return true
  }
}

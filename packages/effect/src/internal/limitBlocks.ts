/**
 * What this process knows about limits that are reached: until when a request can be refused without asking Redis.
 *
 * Nothing is refused that Redis would allow: until the end of a window its count only rises, and a bucket fills no faster than its rate.
 */

/** The most keys that are remembered. The oldest goes first. */
const capacity = 10_000

/** A window whose count is at least `count` until `end`, in milliseconds of the Clock. */
interface Window {
  readonly count: number
  readonly end: number
}

/** A bucket that had `tokens` at most when its interval began, `elapsed` before `at`. */
interface Bucket {
  readonly tokens: number
  readonly since: number
  readonly limit: number
  readonly refill: number
}

export class LimitBlocks {
  private readonly windows = new Map<string, Window>()
  private readonly buckets = new Map<string, Bucket>()

  /** The answer for a window that is full for so many tokens; undefined if Redis has to be asked. */
  window(key: string, tokens: number, limit: number, now: number): readonly [count: number, ttl: number] | undefined {
    const known = this.windows.get(key)
    if (known === undefined) return undefined
    if (known.end <= now) {
      this.windows.delete(key)
      return undefined
    }
    const count = known.count + tokens
    return count > limit ? [count, known.end - now] : undefined
  }

  /** A request was refused: `count` includes what it asked for. */
  windowIsFull(key: string, count: number, tokens: number, end: number): void {
    remember(this.windows, key, { count: count - tokens, end })
  }

  /** The answer for a bucket that has too few tokens; undefined if Redis has to be asked. */
  bucket(
    key: string,
    tokens: number,
    { limit, refill }: { readonly limit: number; readonly refill: number },
    now: number
  ): readonly [remaining: number, elapsedMillis: number] | undefined {
    const known = this.buckets.get(key)
    if (known === undefined || known.limit !== limit || known.refill !== refill) return undefined
    const refills = Math.max(Math.floor((now - known.since) / refill), 0)
    const most = known.tokens + refills
    if (most >= limit) {
      this.buckets.delete(key)
      return undefined
    }
    return most < tokens ? [most - tokens, Math.max(now - known.since - refills * refill, 0)] : undefined
  }

  bucketIsEmpty(key: string, bucket: Bucket): void {
    remember(this.buckets, key, bucket)
  }
}

const remember = <A>(map: Map<string, A>, key: string, value: A): void => {
  map.delete(key)
  if (map.size >= capacity) {
    for (const oldest of map.keys()) {
      map.delete(oldest)
      break
    }
  }
  map.set(key, value)
}

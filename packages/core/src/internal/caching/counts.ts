/**
 * What a cache has done.
 */

/**
 * How many kept replies were dropped, by the cause. What depends on a connection or on the owner of a slot is counted when it is next
 * asked for, and so not at all if it is evicted before.
 *
 * **Details**
 *
 * - `pushed`: a server said that a key has changed or expired.
 * - `written`: this client has written a key, or may have written any.
 * - `forgotten`: the connection was lost over which it was read, or its server was flushed.
 * - `moved`: another node has its slot.
 * - `expired`: the key's own time was over before the server said so.
 * - `dropped`: by `Cached.drop`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Invalidated {
  readonly pushed: number
  readonly written: number
  readonly forgotten: number
  readonly moved: number
  readonly expired: number
  readonly dropped: number
}

/**
 * What a cache has done since the start, and what it has now.
 *
 * **Details**
 *
 * - Each read of a key is one of `hits` (answered from the cache), `misses` (it has travelled) and `shared` (answered by the reply to
 *   another one, which was under way). A command with keys that may be in several slots (MGET) is one read for each key.
 *   What may not be kept where it travels, in a session for example, is not counted.
 * - `evictions`: replies that were dropped because there were too many, and `tooLarge` those that were not kept for their size.
 * - `savedBytes`: about how many bytes of replies have not travelled.
 * - `entries`: the replies that are kept, and `bytes` about how much memory they take.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly hits: number
  readonly misses: number
  readonly shared: number
  readonly evictions: number
  readonly tooLarge: number
  readonly savedBytes: number
  readonly invalidations: Invalidated
  readonly entries: number
  readonly bytes: number
}

type Rising<A> = { -readonly [K in keyof A]: A[K] }

export type Counts = Rising<Omit<Stats, "invalidations" | "entries" | "bytes">> & {
  readonly invalidations: Rising<Invalidated>
}

export const none = (): Counts => ({
  hits: 0,
  misses: 0,
  shared: 0,
  evictions: 0,
  tooLarge: 0,
  savedBytes: 0,
  invalidations: { pushed: 0, written: 0, forgotten: 0, moved: 0, expired: 0, dropped: 0 }
})

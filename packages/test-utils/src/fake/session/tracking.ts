/**
 * Invalidation messages for clients that cache (CLIENT TRACKING): what each client has read, or which prefixes it follows, and who
 * is told that a key has changed. One table for all databases of a node.
 *
 * Source: the server's tracking.c; https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Bin } from "../values/binary.ts"

const { array, bulk, integer, null: nil, push } = Resp.Reply

/** What a client has asked for by CLIENT TRACKING ON. */
export interface Following {
  /** The id of the connection that is told instead of its own; 0 for its own. */
  readonly redirect: number
  /** BCAST, with the prefixes of the keys that it follows; undefined if it is told of the keys that it reads. */
  readonly prefixes: ReadonlySet<Bin> | undefined
  /** Whether the client says by CLIENT CACHING what it keeps, or what it does not keep. */
  readonly choice: "in" | "out" | undefined
  readonly noLoop: boolean
  /** Whether CLIENT CACHING was said for what is executed next. */
  caching: boolean
  /** Whether the connection that is told instead is gone. */
  broken: boolean
}

/** A connection, as far as it is told of changes. */
export interface Reader {
  readonly id: number
  readonly protocol: 2 | 3
  readonly subscriptionCount: number
  readonly send: (reply: Resp.Reply) => void
  following: Following | undefined
}

/** What happened to a prefix since the last broadcast: who changed which key last. */
interface Broadcast {
  readonly readers: Set<Reader>
  readonly changed: Map<Bin, Reader | undefined>
}

/** The clients of one node that cache. */
export class Tracking {
  /** Those who read a key since it changed. Some may have left, or ask no longer. */
  private readonly table = new Map<Bin, Set<Reader>>()
  private readonly broadcasts = new Map<Bin, Broadcast>()
  private readonly readers = new Set<Reader>()
  private items = 0
  /** The client whose command is being executed. */
  private current: Reader | undefined
  /** What that client is told after the reply: keys, or null for all. */
  private readonly afterReply: Array<Bin | null> = []
  private readonly find: (id: number) => Reader | undefined
  private readonly soon: (task: () => void) => void

  /** `find` finds a connection by its id, and `soon` runs a task at the end of the node's turn. */
  constructor(find: (id: number) => Reader | undefined, soon: (task: () => void) => void) {
    this.find = find
    this.soon = soon
  }

  /** Whether any client is to be told of changes. */
  get isOn(): boolean {
    return this.readers.size > 0
  }

  get counts(): Readonly<Record<"clients" | "keys" | "items" | "prefixes", number>> {
    return { clients: this.readers.size, keys: this.table.size, items: this.items, prefixes: this.broadcasts.size }
  }

  /** CLIENT TRACKING ON. */
  follow(reader: Reader, following: Following): void {
    this.readers.add(reader)
    reader.following = following
    for (const prefix of following.prefixes ?? []) {
      const known = this.broadcasts.get(prefix)
      if (known === undefined) this.broadcasts.set(prefix, { readers: new Set([reader]), changed: new Map() })
      else known.readers.add(reader)
    }
  }

  /** CLIENT TRACKING OFF, RESET, or the end of the connection. What it has read is forgotten when that changes. */
  leave(reader: Reader): void {
    for (const prefix of reader.following?.prefixes ?? []) {
      const known = this.broadcasts.get(prefix)
      if (known?.readers.delete(reader) === true && known.readers.size === 0) this.broadcasts.delete(prefix)
    }
    this.readers.delete(reader)
    reader.following = undefined
  }

  // Around a command.

  begin(reader: Reader): void {
    this.current = reader
  }

  end(): void {
    this.settle()
    this.current = undefined
  }

  /** Tells the client that is being served what its own command has changed: behind the reply. */
  settle(): void {
    const { afterReply, current } = this
    if (afterReply.length === 0 || current === undefined) return
    for (const key of afterReply.splice(0)) this.tell(current, key === null ? null : [key])
  }

  /** Whether the keys that a client reads now have to be remembered. */
  remembers({ following }: Reader): boolean {
    if (following === undefined || following.prefixes !== undefined) return false
    return following.choice === undefined || following.caching === (following.choice === "in")
  }

  /** Remembers that a client has read keys. */
  remember(reader: Reader, keys: ReadonlyArray<Bin>): void {
    for (const key of keys) {
      const readers = this.table.get(key)
      if (readers?.has(reader) === true) continue
      if (readers === undefined) this.table.set(key, new Set([reader]))
      else readers.add(reader)
      this.items++
    }
  }

  // What happens to keys.

  /** A key was changed by the command that is being executed, or was lost: it has expired, or the node has given it up. */
  invalidate(key: Bin, change: "written" | "lost"): void {
    if (this.broadcasts.size > 0) this.collect(key, change === "written" ? this.current : undefined)
    const readers = this.forget(key)
    if (readers === undefined) return
    for (const reader of readers) {
      if (reader.following === undefined || reader.following.prefixes !== undefined) continue
      if (reader !== this.current) this.tell(reader, [key])
      else if (!reader.following.noLoop) this.afterReply.push(key)
    }
  }

  /** All keys are gone, of one database or of all. */
  invalidateAll(): void {
    for (const reader of this.readers) {
      if (reader === this.current) this.afterReply.push(null)
      else this.tell(reader, null)
    }
    this.table.clear()
    this.items = 0
  }

  /** Forgets random keys while there are too many, as if they had changed. */
  shrink(limit: number, random: () => number): void {
    if (limit === 0 || this.table.size <= limit) return
    const keys = Array.from(this.table.keys())
    for (let left = 100; left > 0 && this.table.size > limit; left--) {
      const [key] = keys.splice(Math.floor(random() * keys.length), 1)
      for (const reader of this.forget(key) ?? []) {
        if (reader.following !== undefined && reader.following.prefixes === undefined) this.tell(reader, [key])
      }
    }
  }

  private forget(key: Bin): ReadonlySet<Reader> | undefined {
    const readers = this.table.get(key)
    if (readers === undefined) return undefined
    this.table.delete(key)
    this.items -= readers.size
    return readers
  }

  private collect(key: Bin, by: Reader | undefined): void {
    for (const [prefix, { changed }] of this.broadcasts) {
      if (!key.startsWith(prefix)) continue
      changed.set(key, by)
      this.soon(this.broadcast)
    }
  }

  private readonly broadcast = (): void => {
    for (const prefix of Array.from(this.broadcasts.keys()).sort()) {
      const { changed, readers } = this.broadcasts.get(prefix)!
      const keys = Array.from(changed.keys()).sort()
      for (const reader of readers) {
        const others = reader.following?.noLoop === true ? keys.filter((key) => changed.get(key) !== reader) : keys
        if (others.length > 0) this.tell(reader, others)
      }
      changed.clear()
    }
  }

  private tell(reader: Reader, keys: ReadonlyArray<Bin> | null): void {
    const { following } = reader
    if (following === undefined) return
    const { redirect } = following
    const target = redirect === 0 ? reader : this.find(redirect)
    if (target === undefined) {
      following.broken = true
      if (reader.protocol === 3) reader.send(push([bulk("tracking-redir-broken"), integer(redirect)]))
      return
    }
    const what = keys === null ? nil : array(keys.map(bulk))
    if (target.protocol === 3) target.send(push([bulk("invalidate"), what]))
    else if (redirect !== 0 && target.subscriptionCount > 0) {
      target.send(push([bulk("message"), bulk("__redis__:invalidate"), what]))
    }
  }
}

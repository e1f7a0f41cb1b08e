/**
 * What one sentinel knows of a server or of another sentinel.
 *
 * @since 0.1.0
 */
import type { FakeNode, NodeAddress } from "../cluster/node.ts"

/** As sentinels call them, in flags and in events. */
export type Kind = "master" | "slave" | "sentinel"

export class Instance {
  readonly kind: Kind
  readonly node: FakeNode
  /** When it was last heard, if it is silent now. */
  silentSince: number | undefined
  sDownSince: number | undefined
  oDownSince: number | undefined
  /** When it was last found to be up after it was down. */
  upSince = -Infinity

  // What its INFO has told. Sentinels have none.
  runId = ""
  role: Kind
  roleSince: number
  /** Whom it follows, if it is a replica, and since when. */
  follows: FakeNode | undefined
  followsSince: number
  /** Since when a replica has not heard its primary. */
  unlinkedSince: number | undefined
  /** When INFO was last asked for; undefined before the first time. */
  infoAt: number | undefined
  /** How far a replica is on its way to the new primary. */
  reconfiguration: "none" | "sent" | "inprog" | "done" = "none"
  sentAt = 0

  /** Whether it can be heard again, and the connection to it is only not yet there. */
  private isBack = false

  constructor(kind: Kind, node: FakeNode, now: number) {
    this.kind = kind
    this.node = node
    this.role = kind
    this.roleSince = now
    this.followsSince = now
  }

  get host(): string {
    return this.node.host
  }

  get port(): number {
    return this.node.port
  }

  get key(): string {
    return `${this.host}:${this.port}`
  }

  /** The address that it follows, if it says that it is a replica. */
  get followed(): NodeAddress | undefined {
    return this.role === "slave" ? this.follows ?? this.node.following : undefined
  }

  get isDown(): boolean {
    return this.sDownSince !== undefined || this.oDownSince !== undefined
  }

  get isSilent(): boolean {
    return this.silentSince !== undefined
  }

  get offset(): number {
    return this.node.world.offsetOf(this.node)
  }

  /** How willing a replica is to be promoted: 0 is never, else the lower the better. */
  get priority(): number {
    return Number(this.node.config.get("replica-priority") ?? 100)
  }

  /** Notes whether it can be reached now. */
  hear(isReached: boolean, now: number): void {
    this.isBack = isReached
    if (!isReached) this.silentSince ??= now
  }

  /** Connects again to one that is back. */
  reconnect(): void {
    if (!this.isBack) return
    this.isBack = false
    this.silentSince = undefined
  }

  /** Forgets what a process forgets when it ends. */
  forget(now: number): void {
    this.silentSince =
      this.sDownSince =
      this.oDownSince =
      this.infoAt =
        undefined
    this.upSince = -Infinity
    this.runId = this.kind === "sentinel" ? this.runId : ""
    this.role = this.kind
    this.roleSince = this.followsSince = now
    this.reconfiguration = "none"
  }

  /** Whether it has been up for so long. */
  isUpFor(millis: number, now: number): boolean {
    return !this.isDown && now - this.upSince >= millis
  }

  /** The beginning of each event about it. */
  describe(name: string, master: Instance): string {
    const place = `${this.host} ${this.port}`
    if (this.kind === "master") return `master ${name} ${place}`
    const own = this.kind === "slave" ? this.key : this.node.id
    return `${this.kind} ${own} ${place} @ ${name} ${master.host} ${master.port}`
  }
}

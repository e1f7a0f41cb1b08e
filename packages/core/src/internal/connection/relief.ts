/**
 * More time for the connections of a node while the server does what it has announced. It has its own limit, because the news
 * that the work is done may get lost.
 *
 * A deadline that passes meanwhile is put off, once, so that a command has 10 seconds in all; silence has to last as long before
 * a connection is given up. A timeout of a command's own (`Command.timeout`) holds: whoever sets one wants an answer by then.
 */
import type { Call } from "./call.ts"
import type { Ring } from "./ring.ts"

/** How long an answer may take, and how long a server may be silent, in milliseconds. */
export const relaxed = 10_000

/** How long after the end deadlines are still put off, in milliseconds: the late answers are on their way then. */
const settling = 1000

/** How much is remembered of what has begun, for a server that never ends what it announces. */
const mostOpen = 64

interface Begun {
  readonly work: string
  readonly seq: number
  readonly until: number
}

export class Relief {
  private readonly extra: number
  private readonly settling: number
  private open: Array<Begun> = []
  /** The time of the relief, which the last one prolongs or replaces. */
  private from = Infinity
  private until = -Infinity
  private readonly putOff = new WeakSet<Call>()

  /** `commandTimeout`: in milliseconds. */
  constructor(commandTimeout: number) {
    this.extra = Math.max(0, relaxed - commandTimeout)
    this.settling = Math.min(settling, commandTimeout / 2)
  }

  /** Something begins that takes until a certain time at the latest, in milliseconds of the Clock. */
  begin(work: string, seq: number, now: number, until: number): void {
    this.open = this.open.filter((begun) => begun.until > now && (begun.work !== work || begun.seq !== seq))
    if (this.open.length >= mostOpen) this.open.shift()
    this.open.push({ work, seq, until })
    if (now > this.until + this.extra) this.from = now
    this.until = Math.max(now > this.until ? until : this.until, until)
  }

  /**
   * Something has ended: what began under the same number, or if there is none such, all of its kind that began before. Several
   * connections tell the same.
   */
  end(work: string, seq: number, now: number): void {
    const isSame = (begun: Begun): boolean => begun.work === work && begun.seq === seq
    const ended = this.open.some(isSame) ? isSame : (begun: Begun): boolean => begun.work === work && begun.seq <= seq
    if (!this.open.some(ended)) return
    this.open = this.open.filter((begun) => !ended(begun))
    const last = Math.max(now + this.settling, ...this.open.map(({ until }) => until))
    this.until = Math.min(this.until, last)
  }

  isInForce(now: number): boolean {
    return now >= this.from && now <= this.until
  }

  /** Puts off the deadlines in a queue that have passed while the relief was in force. */
  relax(queue: Ring<Call>, now: number): void {
    // The calls are looked through only if any of them may have been late meanwhile.
    if (now > this.until + this.extra || this.extra === 0) return
    queue.forEach((call) => {
      const { abandoned, command, deadline } = call
      if (deadline > now || abandoned || command.timeout !== undefined) return
      if (deadline < this.from || deadline > this.until || this.putOff.has(call)) return
      this.putOff.add(call)
      call.deadline += this.extra
    })
  }
}

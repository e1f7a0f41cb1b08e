/**
 * Those who wait for one place in the waiting room, by their tickets. Nearly always that is the order in which their time is up,
 * too, and then none but the late are looked at to find them.
 */
import type { About, Door } from "./door.ts"

/**
 * Why work leaves the room. `Go`: it is to be tried, with `trial` on behalf of all behind that door; with its `ticket` it gets its
 * place again if it comes back. `TooLate`: its time is up. `Full`: there was no room for it.
 */
export type Leave =
  | { readonly _tag: "Go"; readonly ticket: number; readonly trial: Door | undefined }
  | { readonly _tag: "TooLate"; readonly door: Door | undefined }
  | { readonly _tag: "Full"; readonly limit: number }
  | { readonly _tag: "Closed" }

/** Work that asks to wait. */
export interface Waiting extends About {
  /** When it gives up, in milliseconds of the Clock. */
  readonly until: number
  /** Further slots with work that goes out together with it: whatever comes for them waits behind it. */
  readonly also?: ReadonlyArray<number> | undefined
  /** Its place. With the ticket of an earlier stay it goes back there; without one it gets that of its `rank`, or the last place. */
  readonly ticket: number | undefined
  /** The ticket that was drawn when it was begun: others may have come after that, and be in the room before it. */
  readonly rank?: number | undefined
}

/** Work in the room. */
export interface Guest extends Waiting {
  ticket: number | undefined
  /** Whether it is not in the room any more. */
  gone: boolean
  /** The shard whose guests it was counted with. */
  shard?: string | undefined
  /** For whom it keeps a place in a further slot. */
  readonly leader?: Guest | undefined
  /** Told once each stay, when it ends. */
  readonly leave: (leave: Leave) => void
}

export class Queue {
  private guests: Array<Guest> = []
  private soonest = Infinity
  private inOrder = true
  /** Whether the guests are in the order of their tickets. If not, they are put into it when somebody asks for it. */
  private sorted = true

  /** Whether nobody waits in it. Those in front who have gone are dropped, so that nobody looks at them again. */
  get isEmpty(): boolean {
    const { guests } = this
    let gone = 0
    while (gone < guests.length && guests[gone].gone) gone++
    if (gone > 0) guests.splice(0, gone)
    return guests.length === 0
  }

  /** When the first guest's time is up, or before. */
  get dueAt(): number {
    return this.soonest
  }

  add(guest: Guest): void {
    const last = this.guests.at(-1)
    this.sorted &&= last === undefined || last.ticket! < guest.ticket!
    this.inOrder &&= this.sorted && (last === undefined || last.until <= guest.until)
    this.soonest = Math.min(this.soonest, guest.until)
    this.guests.push(guest)
  }

  /** Of many that come out of order, each would have to be put in its place before others: they are sorted at once instead. */
  private sort(): void {
    if (this.sorted) return
    this.sorted = true
    this.guests.sort((a, b) => a.ticket! - b.ticket!)
  }

  find(isWanted: (guest: Guest) => boolean): Guest | undefined {
    this.sort()
    return this.guests.find((guest) => !guest.gone && isWanted(guest))
  }

  all(): ReadonlyArray<Guest> {
    this.sort()
    return this.guests.filter(({ gone }) => !gone)
  }

  remove(guest: Guest): void {
    this.guests.splice(this.guests.indexOf(guest), 1)
  }

  /** Removes guests from the first one on, as far as one that is held up. */
  take(count: number, isHeldUp: (guest: Guest) => boolean): ReadonlyArray<Guest> {
    this.sort()
    const stop = this.guests.slice(0, count).findIndex(isHeldUp)
    return this.guests.splice(0, stop < 0 ? count : stop)
  }

  /** Removes the guests that are wanted. */
  takeAll(isWanted: (guest: Guest) => boolean): ReadonlyArray<Guest> {
    this.sort()
    const taken = this.guests.filter(isWanted)
    if (taken.length > 0) this.guests = this.guests.filter((guest) => !isWanted(guest))
    return taken
  }

  /** Removes those whose time is up. */
  takeLate(now: number): ReadonlyArray<Guest> {
    if (now < this.soonest) return []
    let late: ReadonlyArray<Guest>
    if (this.inOrder) {
      const first = this.guests.findIndex(({ gone, until }) => !gone && until > now)
      late = this.guests.splice(0, first < 0 ? this.guests.length : first)
      this.soonest = this.guests[0]?.until ?? Infinity
    } else {
      late = this.takeAll(({ gone, until }) => gone || until <= now)
      this.soonest = this.guests.reduce((soonest, { until }) => Math.min(soonest, until), Infinity)
    }
    return late
  }

  /** Removes those who have gone. */
  tidy(): void {
    this.guests = this.guests.filter(({ gone }) => !gone)
  }
}

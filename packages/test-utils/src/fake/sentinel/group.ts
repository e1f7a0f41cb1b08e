/**
 * What the sentinels of one group have in common: their settings, as in `sentinel.conf`, and those who wait for what they do.
 *
 * @since 0.1.0
 */

/** How often sentinels do what, in milliseconds, as by SENTINEL DEBUG. */
export interface Periods {
  /** Asking servers for INFO. */
  readonly info: number
  /** Asking other sentinels about the primary. */
  readonly ask: number
  /** Telling other sentinels what they know. */
  readonly publish: number
}

/** Those of a sentinel as it is installed. */
export const usualPeriods: Periods = { info: 10_000, ask: 1000, publish: 2000 }

/** Those with which the launcher of real groups starts them. */
export const hurriedPeriods: Periods = { info: 300, ask: 300, publish: 500 }

export interface GroupSettings {
  readonly name: string
  readonly quorum: number
  readonly downAfter: number
  readonly failoverTimeout: number
  readonly parallelSyncs: number
  readonly periods: Periods
}

/** Something that a sentinel has published. */
export interface Told {
  readonly at: number
  readonly channel: string
  readonly message: string
}

export class Group {
  readonly settings: GroupSettings
  /** Called whenever a sentinel has done something. */
  readonly listeners = new Set<() => void>()

  constructor(settings: GroupSettings) {
    this.settings = settings
  }

  readonly changed = (): void => {
    for (const listener of Array.from(this.listeners)) listener()
  }
}

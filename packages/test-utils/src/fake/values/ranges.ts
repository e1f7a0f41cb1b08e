/**
 * Ranges of sorted sets: by score, or by member.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

/** Bounds of ZRANGEBYSCORE. */
export interface ScoreRange {
  readonly min: number
  readonly minExclusive: boolean
  readonly max: number
  readonly maxExclusive: boolean
}

/** A bound of ZRANGEBYLEX: `-` and `+` are below and above every member. */
export type LexBound = "-" | "+" | { readonly member: Bin; readonly exclusive: boolean }

/** Bounds of ZRANGEBYLEX. */
export interface LexRange {
  readonly min: LexBound
  readonly max: LexBound
}

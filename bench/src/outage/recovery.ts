/** When the load on a shard is as it was before, once its replica has taken over. */
import type { Span } from "./worker.ts"

export interface Recovery {
  readonly promotion: Span
  /** The first span in which the shard answers at all. */
  readonly answered: Span | undefined
  /** The first span in which nothing is left of what was pending, and both shards are at nine tenths of their rates. */
  readonly back: Span | undefined
}

export const recoveryOf = (
  { before, promotedAt, rate, spans }: {
    readonly before: Span
    readonly spans: ReadonlyArray<Span>
    readonly promotedAt: number
    readonly rate: number
  }
): Recovery => {
  const after = spans.filter(({ until }) => until >= promotedAt)
  const isBack = ({ answered, healthy, pending }: Span) =>
    pending <= before.pending + rate / 10 && answered >= rate * 0.9 && healthy >= before.healthy * 0.9
  return {
    promotion: spans.findLast(({ until }) => until < promotedAt) ?? before,
    answered: after.find(({ answered }) => answered > 0),
    back: after.find(isBack)
  }
}

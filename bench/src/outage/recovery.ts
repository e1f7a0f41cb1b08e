/** How a shard is lost, and when it is as before, once its replica has taken over. */
import type { Span } from "./worker.ts"

export interface Recovery {
  /** The commands a second on the healthy nodes from the loss to the promotion, and in the second after it. */
  readonly healthyMeanwhile: number
  readonly healthyAfterwards: number
  /** The last span before the promotion. */
  readonly promotion: Span
  /** The first span in which the shard answers at all. */
  readonly answered: Span | undefined
  /** The first span at whose end nothing is left of what had piled up, and in which the shard is at nine tenths of its rate. */
  readonly back: Span | undefined
}

export const recoveryOf = (
  { before, lostAt, promotedAt, rate, spans }: {
    readonly before: Span
    readonly spans: ReadonlyArray<Span>
    readonly lostAt: number
    readonly promotedAt: number
    readonly rate: number
  }
): Recovery => {
  const healthyIn = (from: number, to: number): number => {
    const some = spans.filter(({ until }) => until > from && until <= to)
    return some.reduce((sum, { healthy }) => sum + healthy, 0) / Math.max(1, some.length)
  }
  const after = spans.filter(({ until }) => until >= promotedAt)
  return {
    healthyMeanwhile: healthyIn(lostAt, promotedAt),
    healthyAfterwards: healthyIn(promotedAt, promotedAt + 1000),
    promotion: spans.findLast(({ until }) => until < promotedAt) ?? before,
    answered: after.find(({ answered }) => answered > 0),
    back: after.find(({ answered, pending }) => pending <= before.pending + rate / 10 && answered >= rate * 0.9)
  }
}

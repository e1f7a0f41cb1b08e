import * as Schema from "effect/Schema"

/**
 * A cluster could not be started, or a control failed. The message says what to do.
 *
 * @category errors
 * @since 0.1.0
 */
export class RealClusterError extends Schema.TaggedError<RealClusterError>("@redisc/test-utils/RealClusterError")(
  "RealClusterError",
  { problem: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message(): string {
    return this.problem
  }
}

export const failed = (problem: string, cause?: unknown): RealClusterError =>
  new RealClusterError(cause === undefined ? { problem } : { problem, cause })

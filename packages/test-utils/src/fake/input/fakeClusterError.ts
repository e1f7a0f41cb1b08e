import * as Schema from "effect/Schema"

/**
 * Invalid arguments for the simulated cluster, such as a node that it does not have. The message names the argument.
 *
 * @category errors
 * @since 0.1.0
 */
export class FakeClusterError extends Schema.TaggedError<FakeClusterError>("@redisc/test-utils/FakeClusterError")(
  "FakeClusterError",
  { problem: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message(): string {
    return this.problem
  }
}

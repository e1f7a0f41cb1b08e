import * as Schema from "effect/Schema"

/**
 * The simulated cluster was asked for something that makes no sense, such as a node that it does not have. The message
 * names what was asked.
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

/**
 * The exception for a command that is refused.
 *
 * @since 0.1.0
 */

/** Thrown anywhere in a command, it becomes the error reply. The text is the server's own, with its error code. */
export class CommandError extends Error {
  readonly text: string
  constructor(text: string) {
    super(text)
    this.name = "CommandError"
    this.text = text
  }
}

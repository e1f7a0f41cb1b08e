/**
 * The value of type `stream`: entries, consumer groups and what they have pending.
 *
 * @since 0.1.0
 */

/** A stream. */
export class Stream {
  clone(): Stream {
    return new Stream()
  }
}

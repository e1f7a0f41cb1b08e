/**
 * How far a scan of all keys has come, as plain data. `Scan` makes it and goes on from it; an error can carry it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** Slots from the first to the second of each pair, both included. */
const Ranges = Schema.Array(Schema.Tuple([Schema.Number, Schema.Number]))

const Traffic = Schema.Struct({ sent: Schema.Number, received: Schema.Number })

/**
 * A node that is being read with SCAN. The cursor holds as long as the process (`run`) and the epoch of the node stay the same, and
 * no keys leave it and come back.
 */
const Round = Schema.Struct({
  node: Schema.String,
  run: Schema.String,
  epoch: Schema.Number,
  traffic: Traffic,
  cursor: Schema.String,
  slots: Ranges
})

export type Round = typeof Round.Type

/**
 * How far a scan has come, as plain data: `JSON.stringify` it, and give it to a later scan with the same `match` and `type` of the same
 * cluster.
 *
 * **Details**
 *
 * `of` is a digest of `match` and `type`, `done` the ranges of slots that are done, and `rounds` the nodes that are being read, each with
 * its cursor.
 *
 * @category models
 * @since 0.1.0
 */
export const Checkpoint = Schema.Struct({
  version: Schema.Literal(1),
  of: Schema.String,
  done: Ranges,
  rounds: Schema.Array(Round)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Checkpoint = typeof Checkpoint.Type

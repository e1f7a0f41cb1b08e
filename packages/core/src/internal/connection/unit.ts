/**
 * Writes a call as one unit with the commands that go before it: ASKING, those of a transaction from MULTI on, and those that let
 * the server watch its keys. Either the whole unit is written, or nothing.
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { rejected } from "../failures/failure.ts"
import type { Unit } from "../failures/failure.ts"
import { Unattended } from "./call.ts"
import type { Call } from "./call.ts"
import type { Ring } from "./ring.ts"
import type { Tracking } from "./tracking.ts"

const ASKING = Command.make(CommandSpec.get("ASKING"), [], Reply.raw)

/** A command that goes before another. Its reply is used only for what it says about the unit. */
export class Prelude extends Unattended {
  private readonly of: Unit
  private readonly opens: boolean

  constructor(command: Command.Any, of: Unit, opens: boolean) {
    super(command, false, Infinity)
    this.of = of
    this.opens = opens
  }

  override onReply(value: Resp.Value, node: string): void {
    const { command, of } = this
    const refusal = value instanceof Resp.ReplyError ? rejected(value, node, { command }) : undefined
    if (value instanceof Resp.ReplyError) of.refused ??= value
    if (this.opens) of.unopened = refusal !== undefined
    else if (of.unopened && !command.spec.readOnly && refusal?.delivery !== "Rejected") of.astray = true
  }
}

/**
 * Encodes a unit and adds its calls to the queue of those in flight, in one go, so that nothing comes between. If the unit
 * can't be encoded, returns the problem, and leaves the encoder and the queue as they were.
 */
export const write = (
  call: Call,
  encoder: Resp.Encoder,
  inFlight: Ring<Call>,
  tracking: Tracking | undefined
): string | undefined => {
  const { command } = call
  // Executors refuse such a command earlier. This last check makes sure that it is never sent.
  if (command.problem !== undefined) return command.problem
  const { before } = command
  const asking = call.asking && !command.spec.alone
  const watched = command.maxAge === undefined ? undefined : call.watched
  const questions = watched === undefined ? undefined : tracking?.questions(watched)
  encoder.mark()
  try {
    if (asking) encoder.command(ASKING.spec.head, ASKING.args)
    if (questions !== undefined) {
      for (const question of questions) encoder.command(question.command.spec.head, question.command.args)
    }
    for (let i = 0; i < before.length; i++) encoder.command(before[i].spec.head, before[i].args)
    encoder.command(command.spec.head, command.args)
  } catch (error) {
    encoder.rollback()
    return error instanceof Resp.EncodeError ? error.message : "its arguments can't be read"
  }
  if (asking) inFlight.push(new Unattended(ASKING, false, Infinity))
  if (watched !== undefined) {
    tracking?.begin(watched)
    if (questions !== undefined) { for (const question of questions) inFlight.push(question) }
  }
  if (before.length > 0) {
    const unit: Unit = { refused: undefined, unopened: false, astray: false }
    call.unit = unit
    for (const each of before) inFlight.push(new Prelude(each, unit, each === before[0]))
  }
  inFlight.push(call)
  return undefined
}

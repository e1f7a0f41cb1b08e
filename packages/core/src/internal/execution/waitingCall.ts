/**
 * A command that waits in the room before its first try. It waits as a call: its fiber is not resumed until there is an outcome, so
 * that thousands can wait, and leave, at little cost.
 */
import * as Effect from "effect/Effect"
import type { ReadFrom } from "../../ReadFrom.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { Call, deadlineOf } from "../connection/call.ts"
import { rejected, toError, withoutStack } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Door } from "./door.ts"
import type { Guest, Leave } from "./queue.ts"
import type { AnyFiber, Router } from "./router.ts"
import { attemptsWith, unserved } from "./stay.ts"
import type { Stay } from "./stay.ts"
import type { WaitingRoom } from "./waitingRoom.ts"

/** The first try of a command, on behalf of which a call waits. */
export interface Host extends Call {
  readonly router: Router
  readonly slot: number
  readonly fiber: AnyFiber
  readonly rank: number | undefined
  /** Goes on after a failure. */
  readonly goOn: (failure: Failure, stay: Stay) => void
  readonly fail: (error: RedisError) => void
}

export class WaitingCall extends Call implements Guest {
  readonly until: number
  readonly readFrom: ReadFrom
  ticket: number | undefined = undefined
  gone = true
  private readonly host: Host
  private readonly room: WaitingRoom
  /** Why it waits. */
  private readonly refusal: Failure
  private trial: Door | undefined = undefined
  private trials = 0

  constructor(host: Host, room: WaitingRoom, refusal: Failure, readFrom: ReadFrom, until: number) {
    super(host.command, host.asking, host.deadline)
    this.host = host
    this.room = room
    this.refusal = refusal
    this.readFrom = readFrom
    this.until = until
  }

  get slot(): number {
    return this.host.slot
  }

  get rank(): number | undefined {
    return this.host.rank
  }

  /** Work that blocks or needs a connection of its own has no first try that is a call. */
  get beside(): boolean {
    return false
  }

  get reads(): boolean {
    return this.command.spec.readOnly
  }

  override get isAdmitted(): boolean {
    return true
  }

  leave(leave: Leave): void {
    const { command, deadline, host, refusal, room, until } = this
    const { fiber, router, slot } = host
    if (leave._tag === "Go") {
      this.trial = leave.trial
      if (leave.trial !== undefined) this.trials++
      router.count("retries", refusal, fiber)
      return router.dispatch(this, slot, fiber)
    }
    const failure = unserved(leave, refusal, { deadline, now: room.now(), until })
    const attempts = attemptsWith(failure, 1, this.trials)
    const time = deadlineOf(command, 0, router.timeout)
    host.fail(withoutStack(() => toError(failure, { command, slot, attempts, time })))
  }

  onReply(value: Resp.Value, node: string): void {
    if (value instanceof Resp.ReplyError) return this.onFailure(rejected(value, node, this))
    this.judged(undefined)
    this.host.onReply(value, node)
  }

  onFailure(failure: Failure): void {
    this.judged(failure)
    this.host.goOn(failure, { until: this.until, ticket: this.ticket, trials: this.trials })
  }

  private judged(failure: Failure | undefined): void {
    const { trial } = this
    this.trial = undefined
    if (trial !== undefined) this.room.judge(trial, this, failure)
  }

  /** The fiber was interrupted. */
  override asEffect(): Effect.Effect<void> {
    this.abandoned = true
    if (this.trial === undefined) this.room.forget(this)
    else this.room.withdrawn(this.trial)
    this.trial = undefined
    return Effect.void
  }
}

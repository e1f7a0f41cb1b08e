/**
 * Executes commands over one dedicated connection, for as long as it is leased. Redirects are not followed: what they say
 * about the cluster is noted, and the caller is told.
 */
import * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import * as RedisError from "../../RedisError.ts"
import { slotOf } from "../commands/keySlot.ts"
import { attempt } from "../connection/call.ts"
import type { Call } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import { notSent } from "../failures/failure.ts"
import { insteadOfTakingOver } from "./admission.ts"
import { Executor } from "./executor.ts"
import type * as Redirects from "./redirects.ts"
import type { TurnClock } from "./turnClock.ts"

export interface Parts {
  readonly connection: Connection
  /** The slot that the session is bound to; undefined when it is bound to a node. */
  readonly slot: number | undefined
  /** Whether all keys of a command have to be in one slot. */
  readonly oneSlot: boolean
  readonly asking: boolean
  readonly cluster: Redirects.Actions
  readonly clock: TurnClock
  readonly commandTimeout: number
}

const misused = (problem: string): RedisError.SessionMisused => new RedisError.SessionMisused({ problem })

const over = misused("the session has ended with its scope: use it inside, or open another")

export class SessionExecutor extends Executor {
  readonly actions: Redirects.Actions
  readonly together: Redirects.Actions
  private readonly connection: Connection
  private readonly slot: number | undefined
  private readonly oneSlot: boolean
  private ended = false

  constructor({ asking, clock, cluster, commandTimeout, connection, oneSlot, slot }: Parts) {
    super(clock, commandTimeout, asking)
    this.connection = connection
    this.slot = slot
    this.oneSlot = oneSlot
    this.actions = {
      ...cluster,
      policy: Effect.succeed(RedirectPolicy.none),
      send: (command, _slot, deadline) => attempt({ submit: this.dispatch }, command, { asking, deadline }),
      count: () => {}
    }
    this.together = this.actions
  }

  end(): void {
    this.ended = true
  }

  admit(command: Command.Any): number | RedisError.Reason {
    const { problem, spec } = command
    if (this.ended) return over
    if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
    if (spec.stateful === "TakesOver") {
      return new RedisError.InvalidArgument({ problem: `it takes its connection over: ${insteadOfTakingOver}` })
    }
    const blocking = this.connection.blockedBy()
    if (blocking !== undefined) {
      return misused(`${blocking.spec.name} is blocking the session's connection: wait for it, or open another session`)
    }
    const slot = slotOf(command, this.oneSlot)
    if (typeof slot !== "number" || slot < 0 || this.slot === undefined || slot === this.slot) return slot
    return misused(
      `the session is bound to slot ${this.slot}, and this is about slot ${slot}: give the keys a common hash tag, or ` +
        "run it outside of the session"
    )
  }

  aside(): undefined {
    return undefined
  }

  /** It has one. */
  apart(): undefined {
    return undefined
  }

  readonly dispatch = (call: Call): void => {
    if (this.ended) call.onFailure(notSent(over))
    else this.connection.submit(call)
  }
}

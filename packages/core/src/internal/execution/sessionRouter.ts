/**
 * Routes the commands of a session: all go over its one dedicated connection, until its lease ends. Redirects are not followed:
 * they are used to correct the cluster's map, and returned to the caller as errors.
 */
import type * as Effect from "effect/Effect"
import type * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import * as RedisError from "../../RedisError.ts"
import { slotOf } from "../commands/keySlot.ts"
import { attempt } from "../connection/call.ts"
import type { Call, Outcome } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import { notSent } from "../failures/failure.ts"
import { insteadOfTakingOver } from "./admission.ts"
import type { Router, Try } from "./router.ts"
import type { TurnClock } from "./turnClock.ts"

export interface Options {
  readonly connection: Connection
  /** The slot that the session is bound to; undefined if it is bound to a node. */
  readonly slot: number | undefined
  readonly asking: boolean
  /** The router of the cluster, which corrects the map after redirects. */
  readonly cluster: Router
}

const misused = (problem: string): RedisError.SessionMisused => new RedisError.SessionMisused({ problem })

const over = misused("the session has ended with its scope: use it inside, or open another")

export class SessionRouter implements Router {
  readonly clock: TurnClock
  readonly timeout: number
  readonly asking: boolean
  readonly oneSlot: boolean
  readonly firstMap = undefined
  readonly locate: Router["locate"]
  readonly heed: Router["heed"]
  readonly serves: Router["serves"]
  private readonly connection: Connection
  private readonly slot: number | undefined
  private ended = false

  constructor({ asking, cluster, connection, slot }: Options) {
    this.clock = cluster.clock
    this.timeout = cluster.timeout
    this.asking = asking
    this.locate = cluster.locate
    this.heed = cluster.heed
    this.serves = cluster.serves
    this.connection = connection
    this.slot = slot
    this.oneSlot = cluster.oneSlot
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

  /** What was read before WATCH must not decide what is written after it. */
  recall(): undefined {
    return undefined
  }

  recallAll(): undefined {
    return undefined
  }

  /** The session's connection is already a dedicated one. */
  standsApart(): boolean {
    return false
  }

  readonly dispatch = (call: Call): void => {
    if (this.ended) call.onFailure(notSent(over))
    else this.connection.submit(call)
  }

  redispatch(call: Call): void {
    this.dispatch(call)
  }

  send({ command, deadline }: Try): Effect.Effect<Outcome> {
    return attempt({ submit: this.dispatch }, command, { asking: this.asking, deadline })
  }

  /** A session has its connection, or is run again by whoever opened it. */
  readonly room = undefined

  policyOf(): RedirectPolicy.RedirectPolicy {
    return RedirectPolicy.none
  }

  placeOf(): undefined {
    return undefined
  }

  /** With no policy there are no further tries to count. */
  count(): void {}
}

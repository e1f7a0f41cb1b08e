import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { checkCrashed, killMember } from "./members.ts"
import type { Member } from "./members.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"

/** Runs an effect with the real clock, since servers run in real time whatever clock the test has. */
export const inRealTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Clock.Clock, Clock.Clock.defaultValue())

export const checkCount = (name: string, value: number, least: number): Effect.Effect<void, RealClusterError> =>
  Number.isInteger(value) && value >= least
    ? Effect.void
    : Effect.fail(failed(`${name} is ${value}: give a whole number of at least ${least}`))

/** Launches servers, and does so again if another process has taken a port between finding it free and starting the server. */
export const launching = <A>(
  launch: Effect.Effect<A, RealClusterError, Scope.Scope>
): Effect.Effect<A, RealClusterError, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const attempt = Effect.suspend(() => {
      const own = Scope.forkUnsafe(scope)
      return Scope.provide(launch, own).pipe(Effect.onError((cause) => Scope.close(own, Exit.failCause(cause))))
    })
    return yield* Effect.retry(attempt, { times: 2, while: ({ problem }) => problem.includes("already in use") })
  }).pipe(inRealTime)

/** Ends all servers with the scope, which fails if one has crashed, even if its clients got over it: nothing it did can be trusted. */
export const endWithScope = (
  members: ReadonlyMap<string, Member>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() =>
    Effect.forEach(members.values(), checkCrashed, { discard: true }).pipe(
      Effect.ensuring(Effect.forEach(members.values(), killMember, { discard: true })),
      Effect.orDie
    )
  )

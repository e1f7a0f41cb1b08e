/** What could be wrong with the cache, one thing at a time, so that the checker has something to find. */
import * as Effect from "effect/Effect"
import { Cache } from "../../../core/src/internal/caching/cache.ts"
import { Flights } from "../../../core/src/internal/caching/flights.ts"
import { Tracking } from "../../../core/src/internal/connection/tracking.ts"

type Method = (this: unknown, ...args: Array<unknown>) => unknown

/** Changes methods of a class. */
interface Fault {
  readonly of: { readonly prototype: object }
  readonly methods: Readonly<Record<string, (method: Method) => Method>>
}

const nothing = (): Method => () => {}
const none = (): Method => () => []

/** Does nothing if an argument is this one. */
const not = (position: number, value: unknown) => (method: Method): Method =>
  function(...args) {
    return args[position] === value ? undefined : method.apply(this, args)
  }

export const faults = {
  "changes of the map drop nothing": { of: Cache, methods: { moved: nothing, movedSlot: nothing } },
  "reads on their way are not voided": { of: Flights, methods: { take: none, drain: none } },
  "own writes drop nothing": { of: Cache, methods: { dropKeys: not(1, "Written") } },
  "pushes drop nothing": { of: Cache, methods: { dropKeys: not(1, "Pushed") } },
  "the loss of a connection ends nothing": { of: Tracking, methods: { forget: not(0, "Lost") } },
  "a flush ends nothing": { of: Tracking, methods: { forget: not(0, "Flushed") } },
  "no reply is ever too old": {
    of: Cache,
    methods: {
      recall: (method) =>
        function(command, now) {
          return method.call(this, Object.create(command as object, { maxAge: { value: Infinity } }), now)
        }
    }
  }
} satisfies Readonly<Record<string, Fault>>

export type Name = keyof typeof faults

const broken = ({ methods, of: { prototype } }: Fault) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const all = prototype as Record<string, Method>
      return Object.entries(methods).map(([name, change]) => {
        const method = all[name]
        all[name] = change(method)
        return [name, method] as const
      })
    }),
    (before) => Effect.sync(() => Object.assign(prototype, Object.fromEntries(before)))
  )

/** Runs an effect while something is wrong. */
export const under = <A, E, R>(names: ReadonlyArray<Name>, effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.andThen(Effect.forEach(names, (name) => broken(faults[name])), effect))

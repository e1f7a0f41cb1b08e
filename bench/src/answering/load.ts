import * as Effect from "effect/Effect"

/** Sends GETs from a number of fibers. Each fiber waits for one answer before it sends the next. */
export const load = <E, R>(
  fibers: number,
  times: number,
  ask: (n: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> => {
  const one = Effect.fnUntraced(function*(index: number) {
    for (let n = 0; n < times / fibers; n++) yield* ask(index * 31 + n)
  })
  return Effect.forEach(Array.from({ length: fibers }, (_, index) => index), one, {
    concurrency: "unbounded",
    discard: true
  })
}

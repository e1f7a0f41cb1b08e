/**
 * A service as a program would write it: it uses Redis, and whoever uses it does not have to know.
 */
import { Redis } from "@redisc/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export interface Entry {
  readonly author: string
  readonly text: string
}

export class Guestbook extends Context.Service<Guestbook, {
  readonly sign: (entry: Entry) => Effect.Effect<number, Redis.RedisError>
  readonly latest: (count: number) => Effect.Effect<ReadonlyArray<Entry>, Redis.RedisError>
  readonly busiest: (count: number) => Effect.Effect<ReadonlyArray<string>, Redis.RedisError>
}>()("examples/Guestbook") {
  static readonly layer = Layer.effect(
    Guestbook,
    Effect.gen(function*() {
      const redis = yield* Redis.Redis

      const sign = Effect.fnUntraced(function*(entry: Entry) {
        const id = yield* redis.execute(Redis.incr("guestbook:ids"))
        yield* redis.execute(Redis.hset(`guestbook:entry:${id}`, { author: entry.author, text: entry.text }))
        yield* redis.execute(Redis.expire(`guestbook:entry:${id}`, "1 hour"))
        yield* redis.execute(Redis.lpush("guestbook:latest", [`${id}`]))
        yield* redis.execute(Redis.zincrby("guestbook:authors", 1, entry.author))
        return id
      })

      const latest = Effect.fnUntraced(function*(count: number) {
        const ids = yield* redis.execute(Redis.lrange("guestbook:latest", 0, count - 1))
        const entries = yield* Effect.forEach(ids, (id) => redis.execute(Redis.hgetall(`guestbook:entry:${id}`)), {
          concurrency: "unbounded"
        })
        return entries.map(({ author, text }) => ({ author, text }))
      })

      const busiest = (count: number) => redis.execute(Redis.zrevrange("guestbook:authors", 0, count - 1))

      return Guestbook.of({ busiest, latest, sign })
    })
  )
}

/** Connections of one's own: what they are bound to, what they refuse, and how they end. */
import { assert } from "@effect/vitest"
import { Redis, RedisCluster, Session } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { changes, Cluster, homeOf, moveAway, reasonOf, scenario, tagOf, takeUntil, withClient } from "./Cluster.ts"

/** Which connection it is, on the node that it leads to. */
const identity = Effect.all([Redis.clusterMyid(), Redis.clientId()])

const leased = Effect.map(
  Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats),
  ({ nodes }) => Array.from(nodes.values()).reduce((sum, node) => sum + node.leased, 0)
)

/** What can't be sent over a connection that others share, and what can't even over one's own. */
const unsupported = {
  anywhere: [
    Redis.command("MULTI"),
    Redis.command("SUBSCRIBE", ["sessions:news"]),
    Redis.command("MONITOR"),
    Redis.command(" ")
  ],
  shared: [
    Redis.readonly(),
    Redis.readwrite(),
    Redis.watch(["{sessions:watched}:a"]),
    Redis.unwatch(),
    Redis.wait(0, 1)
  ]
}

export const sessions = [
  scenario(
    "a session takes keys of one slot, or a node, but not both (redisc 7)",
    Effect.gen(function*() {
      const { owner } = yield* homeOf("{sessions:bound}:a")
      const reason = yield* reasonOf(Session.use({ keys: ["{sessions:bound}:a", "{sessions:other}:b"] }, Redis.ping()))
      assert.strictEqual(reason._tag, "CrossSlot")
      const both = Session.use({ keys: "{sessions:bound}:a", node: owner.address }, Redis.ping())
      assert.include((yield* reasonOf(both)).message, "bind a session by keys or to a node, not both")
    }).pipe(withClient())
  ),
  scenario(
    "a session that is bound refuses the keys of another slot, and goes on (redisc 7)",
    Session.use(
      { keys: ["{sessions:bound}:a", "{sessions:bound}:b"] },
      Effect.gen(function*() {
        const { owner } = yield* homeOf("{sessions:bound}:a")
        assert.strictEqual(yield* Redis.clusterMyid(), owner.id)
        assert.strictEqual(yield* tagOf(Redis.set("{sessions:other}:a", "1")), "SessionMisused")
        assert.strictEqual(yield* Redis.mset({ "{sessions:bound}:a": "1", "{sessions:bound}:b": "2" }), "OK")
      })
    ).pipe(withClient())
  ),
  scenario(
    "a login that fails in a session, beside other commands, shifts nobody's reply",
    Effect.gen(function*() {
      const keys = "{sessions:login}:a"
      yield* Redis.set(keys, "here")
      const commands = [
        Redis.get(keys),
        Redis.command("AUTH", ["nobody", "wrong"]),
        Redis.strlen(keys),
        Redis.command("HELLO", ["3", "AUTH", "nobody", "wrong"]),
        Redis.exists([keys]),
        Redis.get(keys)
      ] as const
      const replies = yield* Session.use({ keys }, Redis.pipeline(commands, { mode: "result" }))
      assert.deepStrictEqual(
        replies.map((reply) => reply._tag === "Success" ? reply.success : reply.failure.reason._tag),
        ["here", "AuthenticationFailed", 4, "AuthenticationFailed", 1, "here"]
      )
    }).pipe(withClient())
  ),
  scenario(
    "a session without keys is bound to a primary, on one connection (redisc 7)",
    Effect.gen(function*() {
      const { primaries } = yield* Cluster
      const visited = yield* Effect.forEach(
        yield* primaries,
        () => Session.use({}, Effect.all([identity, identity]))
      )
      for (const [first, second] of visited) assert.deepStrictEqual(first, second)
      const all = (yield* primaries).map(({ id }) => id)
      assert.deepStrictEqual(visited.map(([[id]]) => id).sort(), all.sort())
    }).pipe(withClient())
  ),
  scenario(
    "a command without a name is refused, and binds and ends nothing (redisc 8)",
    Session.use(
      {},
      Effect.gen(function*() {
        const before = yield* identity
        assert.strictEqual(yield* tagOf(Redis.command("")), "InvalidArgument")
        assert.deepStrictEqual(yield* identity, before)
      })
    ).pipe(withClient())
  ),
  scenario(
    "a session whose slot has moved tells so, and the next one is where the slot is (redisc 28)",
    Effect.gen(function*() {
      const key = "{sessions:moved}:a"
      const swaps = yield* changes
      const { neighbour, other, slot } = yield* moveAway(key)
      const set = Session.use({ keys: key }, Effect.andThen(Redis.set(key, "1"), Redis.clusterMyid()))
      assert.deepInclude(yield* reasonOf(set), { _tag: "Moved", slot, address: other.address.key })
      yield* takeUntil(swaps, ({ moved }) => moved.some(({ start }) => start === neighbour))
      assert.strictEqual(yield* set, other.id)
    }).pipe(withClient())
  ),
  scenario(
    "a session ends with its scope, once, and its connection is leased again (redisc 30)",
    Effect.gen(function*() {
      const keys = "{sessions:ended}:a"
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(Session.make({ keys }), scope)
      const id = yield* session.execute(Redis.clientId())
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* tagOf(session.execute(Redis.get(keys))), "SessionMisused")
      assert.strictEqual(yield* leased, 0)
      assert.strictEqual(yield* Session.use({ keys }, Redis.clientId()), id)
    }).pipe(withClient())
  ),
  scenario(
    "a session whose connection the server has ended fails, and the next one has another (redisc 30)",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const keys = "{sessions:killed}:a"
      const { owner } = yield* homeOf(keys)
      const id = yield* Session.use(
        { keys },
        Effect.gen(function*() {
          const id = yield* Redis.clientId()
          const popped = yield* Effect.forkChild(tagOf(Redis.blpop([keys], "Infinity")), { startImmediately: true })
          yield* command(owner, "CLIENT", ["KILL", "ID", id])
          assert.strictEqual(yield* Fiber.join(popped), "ConnectionLost")
          assert.strictEqual(yield* tagOf(Redis.get(keys)), "ConnectionLost")
          return id
        })
      )
      assert.notStrictEqual(yield* Session.use({ keys }, Redis.clientId()), id)
      assert.strictEqual(yield* leased, 0)
    }).pipe(withClient())
  ),
  scenario(
    "what needs a connection of its own is refused on shared ones, and what takes one over everywhere (redisc 35)",
    Effect.gen(function*() {
      const refused = [...unsupported.anywhere, ...unsupported.shared]
      assert.deepStrictEqual(yield* Effect.forEach(refused, tagOf), refused.map(() => "InvalidArgument"))
      const inSession = Session.use({ keys: "{sessions:watched}:a" }, Effect.forEach(unsupported.anywhere, tagOf))
      assert.deepStrictEqual(yield* inSession, unsupported.anywhere.map(() => "InvalidArgument"))
      const { owner } = yield* homeOf("{sessions:watched}:a")
      yield* Session.use({ node: owner.address }, Effect.all(unsupported.shared))
    }).pipe(withClient())
  ),
  scenario(
    "a session that runs again takes pipelines and transactions along to where its slot is (redisc 35)",
    Effect.gen(function*() {
      const key = "{sessions:rerun}:a"
      const { other } = yield* moveAway(key)
      const work = Effect.gen(function*() {
        const [, first] = yield* Redis.pipeline([Redis.set(key, "1"), Redis.incr(key)])
        const [second] = yield* Redis.transaction([Redis.incr(key), Redis.expire(key, "1 minute")])
        return [first, second, yield* Redis.clusterMyid()]
      })
      assert.deepStrictEqual(yield* Session.use({ keys: key }, work, { rerun: true }), [2, 3, other.id])
    }).pipe(withClient())
  )
]

/** A server of the same kind as those of the clusters, without cluster mode. */
import * as Effect from "effect/Effect"
import * as RealRedis from "../../src/RealRedis.ts"

/** Starts it for as long as the scope is open, with more lines of `redis.conf`. */
export const startStandalone = Effect.fnUntraced(function*(config: Readonly<Record<string, string>> = {}) {
  const servers = yield* RealRedis.make({ config })
  const [node] = yield* servers.nodes
  const command = (name: string, ...args: ReadonlyArray<string | number>) => servers.command(node, name, args)
  return { address: node.address, command }
})

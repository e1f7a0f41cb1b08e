/** A server of the same kind as those of the clusters, without cluster mode. */
import { Connector } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Effect from "effect/Effect"
import { makeAdmin } from "../../src/internal/clusterAdmin.ts"
import { killMember, planMember, startMember } from "../../src/internal/members.ts"
import { findServer, makeFolder } from "../../src/internal/serverProcess.ts"

/** Starts it for as long as the scope is open, with more lines of `redis.conf`. */
export const startStandalone = Effect.fnUntraced(function*(config: Readonly<Record<string, string>> = {}) {
  const server = yield* findServer(undefined)
  const member = yield* planMember(yield* makeFolder, 0, {
    server,
    nodeTimeoutMillis: 1000,
    requireFullCoverage: true,
    password: undefined,
    certificates: undefined,
    extra: { "cluster-enabled": "no", ...config }
  })
  yield* Effect.addFinalizer(() => killMember(member))
  const admin = yield* Effect.provideService(makeAdmin(undefined), Connector.Connector, yield* NodeConnector.make())
  yield* startMember(member, server, admin)
  const command = (name: string, ...args: ReadonlyArray<string | number>) => admin.send(member, name, ...args)
  return { address: member.address, command }
})

import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { execFile, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"

export interface Server {
  readonly path: string
  readonly kind: "redis" | "valkey"
  /** Such as `7.0.15`. */
  readonly version: string
}

/** Whether a server has at least this version of Redis. Valkey continues Redis' versions, from 7.2 on. */
export const isAtLeast = ({ version }: Server, least: string): boolean => {
  const [major, minor] = version.split(".").map(Number)
  const [leastMajor, leastMinor] = least.split(".").map(Number)
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
}

const versionOf = (path: string): Effect.Effect<Server, RealClusterError> =>
  Effect.callback((resume) => {
    execFile(path, ["--version"], (error, output) => {
      const [, kind, version] = /^(Redis|Valkey) server v=(\d+\.\d+\.\d+)/m.exec(output) ?? []
      resume(
        version === undefined
          ? Effect.fail(failed(`${path} could not be run: ${error?.message ?? "it is no Redis server"}`, error))
          : Effect.succeed({ path, kind: kind === "Valkey" ? "valkey" : "redis", version })
      )
    })
  })

/** Finds the server to run: the given one, else `REDIS_SERVER`, else the first on the path. */
export const findServer = Effect.fnUntraced(function*(
  asked: string | undefined
): Effect.fn.Return<Server, RealClusterError> {
  const path = asked ?? Option.getOrUndefined(yield* Effect.option(Config.String("REDIS_SERVER")))
  if (path !== undefined && path !== "") return yield* versionOf(path)
  return yield* versionOf("redis-server").pipe(
    Effect.catch(() => versionOf("valkey-server")),
    Effect.mapError(({ cause }) =>
      failed(
        "redis-server was not found: install it (apt-get install redis-server), or set REDIS_SERVER to its path",
        cause
      )
    )
  )
})

/**
 * A folder that lives as long as the scope, guarded by a watchman: a small process that kills the servers and removes the
 * folder when this process ends, in whatever way.
 */
export const makeFolder: Effect.Effect<string, RealClusterError, Scope.Scope> = Effect.acquireRelease(
  Effect.gen(function*() {
    const folder = yield* Effect.tryPromise({
      try: () => mkdtemp(join(tmpdir(), "redisc-cluster-")),
      catch: (cause) => failed(`no folder could be made in ${tmpdir()}; check its permissions and its space`, cause)
    })
    const watch = "cat >/dev/null; for f in \"$1\"/*/pid; do kill -9 \"$(cat \"$f\")\"; done; rm -rf \"$1\""
    const watchman = spawn("sh", ["-c", watch, "sh", folder], { stdio: ["pipe", "ignore", "ignore"], detached: true })
    watchman.on("error", () => {})
    watchman.stdin.on("error", () => {})
    watchman.unref()
    return { folder, watchman }
  }),
  ({ folder, watchman }) =>
    Effect.promise(() => rm(folder, { recursive: true, force: true })).pipe(
      Effect.andThen(Effect.callback<void>((resume) => {
        if (watchman.exitCode !== null || watchman.pid === undefined) return resume(Effect.void)
        watchman.ref()
        watchman.once("exit", () => resume(Effect.void))
        watchman.stdin.end()
      }))
    )
).pipe(Effect.map(({ folder }) => folder))

// Ports that `freePort` has returned. Their servers may not listen yet.
const handedOut = new Set<number>()

const firstPort = 11_000
const busOffset = 10_000

// Whoever listens at a port of this address has taken the port, also while its server does not run: other processes choose another
// one, so that none of their servers answers in the place of a dead one. Systems without this address go without.
const guardHost = "127.0.0.2"

const tryListen = (port: number, host = "127.0.0.1"): Effect.Effect<Net.Server | undefined> =>
  Effect.callback((resume) => {
    const server = Net.createServer()
    server.once(
      "error",
      (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code === "EADDRNOTAVAIL" ? server : undefined))
    )
    server.listen({ port, host, exclusive: true }, () => resume(Effect.succeed(server)))
  })

const closeServer = (server: Net.Server): Effect.Effect<void> =>
  Effect.callback((resume) => void server.close(() => resume(Effect.void)))

/**
 * Finds a port that is free on loopback together with its cluster bus port, and keeps it for as long as the scope is open. Both are
 * below the range that systems use for outgoing connections, so that a restarted server finds its port still free.
 */
export const freePort: Effect.Effect<number, RealClusterError, Scope.Scope> = Effect.acquireRelease(
  Effect.gen(function*() {
    for (let tries = 0; tries < 200; tries++) {
      const port = randomInt(firstPort, firstPort + busOffset)
      if (handedOut.has(port)) continue
      handedOut.add(port)
      const guard = yield* tryListen(port, guardHost)
      const servers = guard === undefined ? [guard] : [yield* tryListen(port), yield* tryListen(port + busOffset)]
      for (const server of servers) if (server !== undefined) yield* closeServer(server)
      if (guard !== undefined && !servers.includes(undefined)) return { port, guard: guard.unref() }
      if (guard !== undefined) yield* closeServer(guard)
      handedOut.delete(port)
    }
    return yield* failed("no free pair of ports was found from 11000 to 31000; end what listens there")
  }),
  ({ guard, port }) => Effect.andThen(closeServer(guard), Effect.sync(() => handedOut.delete(port)))
).pipe(Effect.map(({ port }) => port))

export interface ServerProcess {
  readonly pid: number
  readonly exited: Effect.Effect<void>
  readonly hasExited: () => boolean
  /** Whether it ended on its own, with an error. */
  readonly hasCrashed: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
}

/** Starts a server in its folder, which contains its configuration, with more arguments of the command line. */
export const startServer = (server: Server, folder: string, args: ReadonlyArray<string> = []): ServerProcess => {
  const log = openSync(join(folder, "redis.log"), "a")
  const child = spawn(server.path, ["redis.conf", ...args], { cwd: folder, stdio: ["ignore", log, log] })
  closeSync(log)
  const pidFile = join(folder, "pid")
  const exited = Deferred.makeUnsafe<void>()
  let isKilled = false
  let hasCrashed = false
  const onExit = (code: number | Error | null) => {
    hasCrashed = !isKilled && code !== 0
    rmSync(pidFile, { force: true })
    Deferred.doneUnsafe(exited, Effect.void)
  }
  child.once("exit", onExit)
  child.once("error", onExit)
  if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid}`)
  return {
    pid: child.pid ?? -1,
    exited: Deferred.await(exited),
    hasExited: () => Deferred.isDoneUnsafe(exited),
    hasCrashed: () => hasCrashed,
    signal: (signal) => {
      isKilled ||= signal === "SIGKILL"
      child.kill(signal)
    }
  }
}

/** The last lines of a server's log, or the first lines of its crash report. */
export const logTail = (folder: string): Effect.Effect<string> =>
  Effect.promise(() => readFile(join(folder, "redis.log"), "utf8").catch(() => "")).pipe(
    Effect.map((text) => {
      const lines = text.trimEnd().split("\n")
      const report = lines.findLastIndex((line) => line.includes("BUG REPORT START"))
      return (report < 0 ? lines.slice(-8) : lines.slice(report, report + 12)).join("\n")
    })
  )

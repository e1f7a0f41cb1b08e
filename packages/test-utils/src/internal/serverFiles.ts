import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFile } from "node:child_process"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"
import { isAtLeast } from "./serverProcess.ts"
import type { Server } from "./serverProcess.ts"

export interface Certificates {
  readonly folder: string
  readonly ca: string
  readonly cert: string
  readonly key: Redacted.Redacted
}

export interface Settings {
  readonly server: Server
  readonly nodeTimeoutMillis: number
  readonly requireFullCoverage: boolean
  readonly password: Redacted.Redacted | undefined
  readonly certificates: Certificates | undefined
  readonly extra: Readonly<Record<string, string>>
}

export interface Planned {
  readonly id: string
  readonly port: number
  readonly epoch: number
  readonly primary: string | undefined
  readonly shard: string
  readonly slots: readonly [first: number, last: number] | undefined
}

const quote = (text: string): string => JSON.stringify(text)

/** The content of `redis.conf`. */
const configuration = (port: number, settings: Settings): string => {
  const { certificates, password, server } = settings
  const lines: Record<string, string> = {
    bind: "127.0.0.1",
    "protected-mode": "no",
    logfile: "\"\"",
    save: "\"\"",
    appendonly: "no",
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": `${settings.nodeTimeoutMillis}`,
    "cluster-require-full-coverage": settings.requireFullCoverage ? "yes" : "no",
    // Replicas may take over however old their data is, and never migrate to another primary by themselves: tests decide.
    "cluster-replica-validity-factor": "0",
    "cluster-allow-replica-migration": "no",
    "repl-diskless-sync": "yes",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1"
  }
  if (isAtLeast(server, "7.0")) lines["enable-debug-command"] = "yes"
  if (password !== undefined) {
    lines.requirepass = quote(Redacted.value(password))
    lines.masterauth = quote(Redacted.value(password))
  }
  if (certificates === undefined) {
    lines.port = `${port}`
  } else {
    lines.port = "0"
    lines["tls-port"] = `${port}`
    lines["tls-cluster"] = "yes"
    lines["tls-replication"] = "yes"
    lines["tls-auth-clients"] = "optional"
    lines["tls-ca-cert-file"] = quote(join(certificates.folder, "ca.crt"))
    lines["tls-cert-file"] = quote(join(certificates.folder, "server.crt"))
    lines["tls-key-file"] = quote(join(certificates.folder, "server.key"))
  }
  return Object.entries({ ...lines, ...settings.extra }).map(([name, value]) => `${name} ${value}\n`).join("")
}

/**
 * The content of `nodes.conf`: the layout as the node itself would have saved it. Nodes that start with it know each other,
 * their slots and their epochs, so no CLUSTER MEET is needed, and there are no conflicts to resolve.
 */
const layout = (self: Planned, nodes: ReadonlyArray<Planned>, server: Server): string => {
  // Since Redis 7.2 shards have ids. A server that has to make one up is in another shard than its replicas, and crashes at
  // the first message that it passes on to them.
  const shardOf = ({ shard }: Planned) => isAtLeast(server, "7.2") ? `,,shard-id=${shard}` : ""
  const lines = nodes.map((node) =>
    [
      node.id,
      `127.0.0.1:${node.port}@${node.port + 10_000}${shardOf(node)}`,
      `${node === self ? "myself," : ""}${node.primary === undefined ? "master" : "slave"}`,
      node.primary ?? "-",
      "0 0",
      `${node.epoch}`,
      "connected",
      ...(node.slots === undefined ? [] : [node.slots[0] === node.slots[1] ? `${node.slots[0]}` : node.slots.join("-")])
    ].join(" ") + "\n"
  )
  return `${lines.join("")}vars currentEpoch ${Math.max(...nodes.map(({ epoch }) => epoch))} lastVoteEpoch 0\n`
}

const attempt = <A>(what: string, run: () => Promise<A>): Effect.Effect<A, RealClusterError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => failed(`${what} could not be written; check permissions and space`, cause)
  })

/** Writes the files with which a server starts. */
export const writeFiles = (folder: string, self: Planned, nodes: ReadonlyArray<Planned>, settings: Settings) =>
  attempt(folder, async () => {
    await mkdir(folder)
    await writeFile(join(folder, "redis.conf"), configuration(self.port, settings), { mode: 0o600 })
    await writeFile(join(folder, "nodes.conf"), layout(self, nodes, settings.server))
  })

const run = promisify(execFile)

/** Makes a certificate authority, and a certificate that all nodes of a cluster share. */
export const makeCertificates = Effect.fnUntraced(function*(
  folder: string
): Effect.fn.Return<Certificates, RealClusterError> {
  const openssl = (...args: ReadonlyArray<string>) =>
    Effect.tryPromise({
      try: () => run("openssl", args, { cwd: folder }),
      catch: (cause) => failed("openssl could not make a certificate: install it (apt-get install openssl)", cause)
    })
  const newKey = (name: string) => `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}`.split(" ")
  yield* openssl("req", "-x509", ...newKey("ca.key"), "-out", "ca.crt", "-days", "2", "-subj", "/CN=redisc tests")
  yield* attempt(folder, () => writeFile(join(folder, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1"))
  yield* openssl("req", ...newKey("server.key"), "-out", "server.csr", "-subj", "/CN=localhost")
  const signing = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -in server.csr"
  yield* openssl(...signing.split(" "), "-out", "server.crt")
  const read = (name: string) => attempt(folder, () => readFile(join(folder, name), "utf8"))
  return {
    folder,
    ca: yield* read("ca.crt"),
    cert: yield* read("server.crt"),
    key: Redacted.make(yield* read("server.key"))
  }
})

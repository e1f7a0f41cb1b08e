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

/** What all servers have in common. `extra` are lines that take precedence over the others. */
export interface ServerSettings {
  readonly server: Server
  readonly password: Redacted.Redacted | undefined
  readonly certificates: Certificates | undefined
  readonly extra: Readonly<Record<string, string>>
}

export interface Settings extends ServerSettings {
  readonly nodeTimeoutMillis: number
  readonly requireFullCoverage: boolean
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

type Lines = Readonly<Record<string, string>>

/** Where a process listens, whatever it is: at which port, encrypted or not, and that it logs to its standard output. */
const listening = (port: number, certificates: Certificates | undefined): Lines => {
  const lines: Record<string, string> = { bind: "127.0.0.1", "protected-mode": "no", logfile: "\"\"" }
  if (certificates === undefined) {
    lines.port = `${port}`
  } else {
    lines.port = "0"
    lines["tls-port"] = `${port}`
    lines["tls-replication"] = "yes"
    lines["tls-auth-clients"] = "optional"
    lines["tls-ca-cert-file"] = quote(join(certificates.folder, "ca.crt"))
    lines["tls-cert-file"] = quote(join(certificates.folder, "server.crt"))
    lines["tls-key-file"] = quote(join(certificates.folder, "server.key"))
  }
  return lines
}

/** The lines of a server that keeps nothing on disk. */
const serving = (port: number, { certificates, password, server }: ServerSettings): Lines => {
  const lines: Record<string, string> = {
    ...listening(port, certificates),
    save: "\"\"",
    appendonly: "no",
    "repl-diskless-sync": "yes",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1"
  }
  if (isAtLeast(server, "7.0")) lines["enable-debug-command"] = "yes"
  if (password !== undefined) {
    lines.requirepass = quote(Redacted.value(password))
    lines.masterauth = quote(Redacted.value(password))
  }
  return lines
}

/** The lines of a server in cluster mode. */
const clustered = ({ certificates, nodeTimeoutMillis, requireFullCoverage }: Settings): Lines => ({
  "cluster-enabled": "yes",
  "cluster-config-file": "nodes.conf",
  "cluster-node-timeout": `${nodeTimeoutMillis}`,
  "cluster-require-full-coverage": requireFullCoverage ? "yes" : "no",
  // Replicas may take over however old their data is, and never migrate to another primary by themselves: tests decide.
  "cluster-replica-validity-factor": "0",
  "cluster-allow-replica-migration": "no",
  ...(certificates === undefined ? {} : { "tls-cluster": "yes" })
})

/** The content of a configuration file. */
const written = (lines: Lines): string => Object.entries(lines).map(([name, value]) => `${name} ${value}\n`).join("")

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
    const lines = { ...serving(self.port, settings), ...clustered(settings), ...settings.extra }
    await writeFile(join(folder, "redis.conf"), written(lines), { mode: 0o600 })
    await writeFile(join(folder, "nodes.conf"), layout(self, nodes, settings.server))
  })

/** Writes the file with which a server without cluster mode starts. */
export const writePlainFile = (folder: string, port: number, settings: ServerSettings) =>
  attempt(folder, async () => {
    await mkdir(folder)
    const lines = { ...serving(port, settings), ...settings.extra }
    await writeFile(join(folder, "redis.conf"), written(lines), { mode: 0o600 })
  })

/** What a sentinel is told before it starts. `lines` are those that tell of the primary, each without its first word. */
export interface SentinelSettings {
  readonly server: Server
  readonly certificates: Certificates | undefined
  readonly password: Redacted.Redacted | undefined
  readonly extra: Readonly<Record<string, string>>
  readonly lines: ReadonlyArray<string>
}

/** Writes the file with which a sentinel starts, and to which it writes what it learns. */
export const writeSentinelFile = (folder: string, port: number, settings: SentinelSettings) =>
  attempt(folder, async () => {
    await mkdir(folder)
    const { certificates, extra, lines, password } = settings
    const secrets = password === undefined ? [] : [quote(Redacted.value(password))]
    const text = [
      written({ ...listening(port, certificates), dir: quote(folder), ...extra }),
      ...secrets.map((secret) => `requirepass ${secret}\nsentinel sentinel-pass ${secret}\n`),
      ...lines.map((line) => `sentinel ${line}\n`)
    ]
    await writeFile(join(folder, "redis.conf"), text.join(""), { mode: 0o600 })
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

import { assert, describe, it } from "@effect/vitest"
import * as NodeRedisCluster from "@redisc/node/NodeRedisCluster"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { spawn } from "node:child_process"
import { writeFile } from "node:fs/promises"
import * as Http from "node:http"
import * as Net from "node:net"
import { join } from "node:path"
import { certificates, folder, listening } from "./sockets.ts"

/** What starting a client fails with. */
const refusal = (options: object) =>
  Effect.flip(Effect.scoped(Layer.build(NodeRedisCluster.layer({ connectTimeout: "1 second", ...options }))))

const at = (port: number) => ({ nodes: [`127.0.0.1:${port}`] })

const freePort = Effect.scoped(Effect.map(listening(Net.createServer()), ({ port }) => port))

/** A server that runs until the scope closes. */
const server = Effect.fnUntraced(function*(settings: (port: number, path: string) => Promise<ReadonlyArray<string>>) {
  const path = yield* folder
  const port = yield* freePort
  const args = yield* Effect.promise(() => settings(port, path))
  yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof spawn>>((resume) => {
      const child = spawn("redis-server", args, { cwd: path, stdio: ["ignore", "pipe", "ignore"] })
      child.stdout.on("data", (text) => {
        // A Sentinel says so in other words.
        if (/ready to accept|Sentinel ID is/i.test(String(text))) resume(Effect.succeed(child))
      })
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill()
      })
  )
  return port
})

const plain = async (port: number) => ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""]

describe("what is no node of a cluster is said to be so, with what to do:", () => {
  it.live("a server without cluster mode, also over TLS, which it does not speak", () =>
    Effect.gen(function*() {
      const port = yield* server(plain)
      const error = yield* refusal(at(port))
      assert.include(error.message, "this server runs without cluster mode: use NodeRedis.layer")
      assert.include(error.message, "cluster-enabled yes")
      // Long before the end of connectTimeout.
      const secure = yield* Effect.timeout(
        refusal({ ...at(port), tls: true, connectTimeout: "1 minute" }),
        "30 seconds"
      )
      assert.include(secure.message, "speaks Redis without TLS; leave out tls, or give the server's tls-port")
    }))

  it.live("a Sentinel", () =>
    Effect.gen(function*() {
      const port = yield* server(async (port, path) => {
        await writeFile(join(path, "sentinel.conf"), `port ${port}\nbind 127.0.0.1\n`)
        return ["sentinel.conf", "--sentinel"]
      })
      const { message } = yield* refusal(at(port))
      assert.include(message, "it is a Sentinel")
      assert.include(message, "redis+sentinel://host/name")
    }))

  it.live("a TLS port, to a client without TLS", () =>
    Effect.gen(function*() {
      const { ca, server: { cert, key } } = yield* certificates
      const port = yield* server(async (port, path) => {
        await Promise.all(
          [["ca.crt", ca], ["s.crt", cert], ["s.key", key]].map(([name, pem]) => writeFile(join(path, name), pem))
        )
        return [
          ..."--port 0 --bind 127.0.0.1 --tls-cert-file s.crt --tls-key-file s.key --tls-ca-cert-file ca.crt".split(
            " "
          ),
          "--tls-port",
          `${port}`,
          "--save",
          ""
        ]
      })
      const plainly = yield* Effect.timeout(refusal({ ...at(port), connectTimeout: "1 minute" }), "30 seconds")
      assert.match(plainly.message, /whether it wants TLS/)
    }))

  it.live("a server that wants a password, and one that wants another", () =>
    Effect.gen(function*() {
      const port = yield* server(async (port) => [...await plain(port), "--requirepass", "s3cret"])
      const without = yield* refusal(at(port))
      assert.include(without.message, "set credentials")
      const wrong = yield* refusal({ ...at(port), credentials: { password: Redacted.make("wr0ng") } })
      assert.include(wrong.message, "refused the credentials; check the user, whether it is on, and its password")
      assert.notInclude(wrong.message, "wr0ng")
    }))

  const strangers: ReadonlyArray<readonly [string, () => Net.Server, RegExp]> = [
    [
      "an HTTP port",
      () => Http.createServer((_, response) => response.end("hi")),
      /it speaks HTTP: give the port of a Redis/
    ],
    ["a port that says nothing", () => Net.createServer(), /did not answer our greeting .* within 1s/],
    [
      "a port that hangs up",
      () => Net.createServer((socket) => socket.end()),
      /check that it is the port of a Redis server/
    ],
    [
      "a port that hangs up on what we say",
      () => Net.createServer((socket) => socket.on("data", () => socket.resetAndDestroy())),
      /check that it is the port of a Redis server, and whether it wants TLS/
    ],
    [
      "another protocol",
      () => Net.createServer((socket) => socket.write("J\0\0\0\n8.0")),
      /it speaks another protocol/
    ],
    [
      "another protocol that begins as a reply could",
      () => Net.createServer((socket) => socket.write("* OK [CAPABILITY IMAP4rev1] ready\r\n")),
      /found punctuation at byte 1; check that it is the port of a Redis server/
    ],
    [
      "protected mode",
      () =>
        Net.createServer((socket) =>
          socket.end("-DENIED Redis is running in protected mode because it is. In this\r\n")
        ),
      /protected mode.*give it a password/
    ],
    [
      "a server with too many clients",
      () => Net.createServer((socket) => socket.end("-ERR max number of clients reached\r\n")),
      /max number of clients reached.*maxclients/
    ]
  ]
  it.live.each(strangers)("%s", ([, make, said]) =>
    Effect.gen(function*() {
      const { port } = yield* listening(make())
      const { message } = yield* refusal(at(port))
      assert.match(message, said)
      assert.include(message, `127.0.0.1:${port}`)
    }))
})

describe("whatever is given for an option of Node's", () => {
  const hostile = [
    null,
    NaN,
    -1,
    1.5,
    "",
    "text",
    [],
    [undefined],
    {},
    { foo: 1 },
    () => {},
    Symbol("s"),
    new Map(),
    Effect.void
  ]
  const nodes = ["127.0.0.1:1"]
  const ways: Readonly<Record<string, (value: unknown) => object>> = {
    options: (value) => value as object,
    nodes: (nodes) => ({ nodes }),
    url: (url) => ({ url }),
    "url in a Redacted": (url) => ({ url: Redacted.make(url) }),
    tls: (tls) => ({ nodes, tls }),
    ...Object.fromEntries(
      ["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized", "minVersion"].flatMap((name) => [
        [`tls.${name}`, (value: unknown) => ({ nodes, tls: { [name]: value } })],
        [`tls.${name} in a Redacted`, (value: unknown) => ({ nodes, tls: { [name]: Redacted.make(value) } })]
      ])
    ),
    connectTimeout: (connectTimeout) => ({ nodes, connectTimeout })
  }
  it.live.each(Object.entries(ways))("%s: it starts, or says what to give", ([, optionsOf]) =>
    Effect.gen(function*() {
      for (const value of hostile) {
        const layer = NodeRedisCluster.layer(optionsOf(value) as NodeRedisCluster.Options)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.include(["InvalidArgument", "DiscoveryFailed"], error.reason._tag)
      }
    }))

  it.live("the option that was meant is named", () =>
    Effect.gen(function*() {
      assert.include((yield* refusal({ nodes, tsl: true })).message, "tsl is not an option; did you mean tls?")
      assert.include(
        (yield* refusal({ nodes, tls: { cs: "" } })).message,
        "tls.cs is not an option; did you mean tls.ca?"
      )
      const key = yield* refusal({ nodes, tls: { key: "s3cret" } })
      assert.include(key.message, "tls.key must be Redacted")
      assert.notInclude(key.message, "s3cret")
    }))

  it.live("a configuration that is none is refused", () =>
    Effect.gen(function*() {
      for (const value of hostile) {
        const layer = NodeRedisCluster.layerConfig(value as never)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.property(error, "_tag")
      }
    }))
})

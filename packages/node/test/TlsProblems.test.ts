/** What stands in the way of TLS is named, with the option or setting that helps, and before the end of `connectTimeout`. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeRedisCluster from "@redisc/node/NodeRedisCluster"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import * as Http from "node:http"
import * as Net from "node:net"
import { join } from "node:path"
import * as Tls from "node:tls"
import { promisify } from "node:util"
import { folder, listening } from "./sockets.ts"

const run = promisify(execFile)

/** What starting a client fails with, long before its connectTimeout. */
const refusal = (port: number, tls: NodeRedisCluster.Options["tls"]) =>
  Effect.timeout(
    Effect.map(
      Effect.flip(Effect.scoped(Layer.build(
        NodeRedisCluster.layer({ nodes: [`127.0.0.1:${port}`], tls, connectTimeout: "1 minute" })
      ))),
      ({ message }) => message
    ),
    "30 seconds"
  )

/** A certificate that is signed by itself. */
const selfSigned = Effect.fnUntraced(function*(days: number, name: string) {
  const path = yield* folder
  const openssl = (line: string) => Effect.promise(() => run("openssl", line.split(" "), { cwd: path }))
  yield* openssl(
    `req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout s.key -out s.csr -subj /CN=${name}`
  )
  yield* Effect.promise(() => writeFile(join(path, "ext"), `subjectAltName=${name}`))
  yield* openssl(`x509 -req -in s.csr -signkey s.key -days ${days} -extfile ext -out s.crt`)
  const read = (file: string) => Effect.promise(() => readFile(join(path, file), "utf8"))
  return { cert: yield* read("s.crt"), key: yield* read("s.key") }
})

describe("what stands in the way of TLS is named:", () => {
  it.live("a certificate that is signed by itself, unless it is given as tls.ca; then its name", () =>
    Effect.gen(function*() {
      const pair = yield* selfSigned(2, "DNS:redis.internal")
      const { port } = yield* listening(Tls.createServer(pair))
      assert.include(yield* refusal(port, true), "it is signed by itself; give that certificate as tls.ca")
      const named = yield* refusal(port, { ca: pair.cert })
      assert.include(named, "does not match its name; give the name it was made for as tls.servername")
      assert.include(named, "127.0.0.1 is not in the cert's list")
    }))

  it.live("a certificate that has expired", () =>
    Effect.gen(function*() {
      const pair = yield* selfSigned(-1, "IP:127.0.0.1")
      const { port } = yield* listening(Tls.createServer(pair))
      assert.include(yield* refusal(port, { ca: pair.cert }), "has expired; renew it there, and check the clock")
    }))

  it.live("an HTTP port that waits for the end of what we say", () =>
    Effect.gen(function*() {
      const { port } = yield* listening(Net.createServer((socket) =>
        socket.on("data", (bytes) => {
          if (bytes.includes("PING")) socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")
        })
      ))
      assert.include(yield* refusal(port, true), "speaks HTTP without TLS; give the port of a Redis server")
    }))

  it.live("an HTTP server", () =>
    Effect.gen(function*() {
      const { port } = yield* listening(Http.createServer((_, response) => response.end("hi")))
      assert.match(yield* refusal(port, true), /TLS/)
    }))

  it.live("a server of Redis without TLS that wants a password", () =>
    Effect.gen(function*() {
      const { port } = yield* listening(Net.createServer((socket) =>
        socket.on("data", (bytes) => {
          if (bytes.includes("PING")) socket.write("-NOAUTH Authentication required.\r\n")
        })
      ))
      assert.include(yield* refusal(port, true), "speaks Redis without TLS; leave out tls")
    }))

  it.live("not a server whose TLS handshake takes a while", () =>
    Effect.gen(function*() {
      const pair = yield* selfSigned(2, "IP:127.0.0.1")
      const secure = Tls.createServer(pair, (socket) => {
        socket.on("error", () => {})
        socket.on("data", () => socket.write("-ERR what\r\n"))
      })
      const { port: behind } = yield* listening(secure)
      let asked = 0
      const slow = Net.createServer((socket) => {
        asked++
        setTimeout(() => {
          const to = Net.connect(behind, "127.0.0.1")
          for (const each of [socket, to]) each.on("error", () => {})
          socket.pipe(to)
          to.pipe(socket)
        }, 800)
      })
      const { port } = yield* listening(slow)
      assert.include(yield* refusal(port, { rejectUnauthorized: false }), "ERR what")
      assert.isAtLeast(asked, 2)
    }))
})

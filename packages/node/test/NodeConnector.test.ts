import { assert, describe, it, layer } from "@effect/vitest"
import * as Address from "@redisc/core/Address"
import type { RedisError } from "@redisc/core/RedisError"
import { NodeConnector } from "@redisc/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import * as Net from "node:net"
import { join } from "node:path"
import * as Tls from "node:tls"
import { certificates, closed, folder, listening, recorder } from "./sockets.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

const problemOf = (error: RedisError) => {
  assert.strictEqual(error.delivery, "NotSent")
  assert.strictEqual(error.attempts, 0)
  if (error.reason._tag !== "ConnectionFailed") return assert.fail(`${error.reason._tag}: ${error.message}`)
  return error.reason.problem
}

const open = Effect.fnUntraced(function*(address: Address.Address, options?: NodeConnector.Options) {
  const { listener, ...told } = yield* recorder
  const connector = yield* NodeConnector.make(options)
  return { ...told, ...yield* connector.open(address, listener).pipe(Effect.map((transport) => ({ transport }))) }
})

const refusal = (address: Address.Address, options?: NodeConnector.Options) =>
  Effect.scoped(open(address, options)).pipe(Effect.flip, Effect.map(problemOf))

/** Sends 10 MiB to a server that sends it back, as fast as the transport takes it. What may change by then does. */
const roundTrip = Effect.fnUntraced(function*(address: Address.Address, options?: NodeConnector.Options) {
  const total = 10 * 1024 * 1024
  const payload = Buffer.alloc(total)
  for (let i = 0; i < total; i += 4) payload.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i)
  const expected = createHash("sha256").update(payload).digest("hex")
  const received = createHash("sha256")
  const connector = yield* NodeConnector.make(options)
  let onDrain = () => {}
  let onAll = () => {}
  let size = 0
  const transport = yield* connector.open(address, {
    onData: (chunk) => {
      received.update(chunk)
      size += chunk.length
      if (size === total) onAll()
    },
    onDrain: () => onDrain(),
    onClose: () => {}
  })
  yield* Effect.callback<void>((resume) => {
    onAll = () => resume(Effect.void)
    // Chunks of every size, several in one call.
    const calls: Array<ReadonlyArray<Uint8Array>> = []
    let sent = 0
    do {
      const sizes = [1, 700, 50_000, 300_000].slice(0, 1 + calls.length % 4)
      calls.push(sizes.map((size) => payload.subarray(sent, sent += size)).filter((chunk) => chunk.length > 0))
    } while (sent < payload.length)
    calls.reverse()
    const send = () => {
      for (let chunks = calls.pop(); chunks !== undefined; chunks = calls.pop()) {
        const goesOn = transport.write(chunks)
        if (transport.holds?.() === false) { for (const chunk of chunks) chunk.fill(0) }
        if (!goesOn) return
      }
    }
    onDrain = send
    send()
  })
  assert.strictEqual(received.digest("hex"), expected)
})

const echo = (socket: Net.Socket) => void socket.on("error", () => {}).pipe(socket)

describe("a plain connection", () => {
  it.live("writes several chunks in order and reads what comes back", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer(echo))
      const { next, transport } = yield* open(server.address)
      assert.isTrue(transport.write([bytes("one "), bytes("two "), bytes("three")]))
      assert.isFalse(transport.holds?.())
      let text = ""
      while (text.length < 13) {
        const event = yield* next
        text += event._tag === "Data" ? event.bytes.toString() : assert.fail(event._tag)
      }
      assert.strictEqual(text, "one two three")
    }))

  it.live("carries 10 MiB both ways", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer(echo))
      yield* roundTrip(server.address)
    }))

  it.live("carries 10 MiB both ways over a unix socket", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer(echo), join(yield* folder, "redis.sock"))
      yield* roundTrip(server.address)
    }))

  it.live("finds a host by name, whichever family answers", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer(echo))
      const { next, transport } = yield* open(Address.tcp("localhost", server.port))
      transport.write([bytes("hello")])
      assert.deepStrictEqual(yield* next, { _tag: "Data", bytes: Buffer.from("hello") })
    }))

  it.live("answers false when the peer does not read, and drains when it does", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer({ pauseOnConnect: true }))
      const { events, next, transport } = yield* open(server.address)
      const socket = yield* server.accepted
      const chunk = new Uint8Array(64 * 1024)
      let writes = 1
      while (transport.write([chunk])) writes++
      assert.isTrue(transport.holds?.())
      assert.isAtLeast(writes * chunk.length, 1024 * 1024)
      assert.isFalse(transport.write([chunk]))
      assert.deepStrictEqual(events, [])
      socket.resume()
      assert.deepStrictEqual(yield* next, { _tag: "Drain" })
      assert.isTrue(transport.write([chunk]))
      assert.strictEqual(events.length, 1)
    }))

  it.live("hears what a server says before it closes, then that it has closed, once", () =>
    Effect.gen(function*() {
      const server = yield* listening(
        Net.createServer((socket) => void socket.end("-ERR max number of clients reached\r\n"))
      )
      const { events, next, transport } = yield* open(server.address)
      assert.strictEqual((yield* next)._tag, "Data")
      const close = yield* next
      assert.deepInclude(close, { _tag: "Close", problem: `${server.address.key} closed the connection` })
      assert.isTrue(transport.write([bytes("too late")]))
      yield* closed(yield* server.accepted)
      assert.strictEqual(events.length, 2)
    }))

  it.live("hears that a peer has cut the connection", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer())
      const { next } = yield* open(server.address)
      ;(yield* server.accepted).resetAndDestroy()
      const close = yield* next
      if (close._tag !== "Close") return assert.fail(close._tag)
      assert.include(close.problem, "closed the connection")
      assert.propertyVal(close.cause, "code", "ECONNRESET")
    }))

  it.live("is destroyed when its scope closes, and tells its listener nothing more", () =>
    Effect.gen(function*() {
      const sockets = () =>
        process.getActiveResourcesInfo().filter((name) => /TCPSOCKETWRAP|TLSWRAP/i.test(name)).length
      // Handles close in the turn after their streams, those of earlier tests as well.
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      const before = sockets()
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* listening(Net.createServer())
        const scope = yield* Scope.make()
        const { events, next, transport } = yield* Scope.provide(open(server.address), scope)
        const socket = yield* server.accepted
        socket.write("first")
        yield* next
        socket.write("second")
        transport.write([new Uint8Array(8 * 1024 * 1024)])
        yield* Scope.close(scope, Exit.void)
        yield* closed(socket)
        assert.strictEqual(events.length, 1)
        assert.isTrue(transport.write([bytes("too late")]))
      }))
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.strictEqual(sockets(), before)
    }))
})

describe("a connection that can't be opened", () => {
  it.live("was refused", () =>
    Effect.gen(function*() {
      const address = yield* Effect.scoped(Effect.map(listening(Net.createServer()), (server) => server.address))
      assert.strictEqual(
        yield* refusal(address),
        `connection refused by ${address.key}; check that a server runs there`
      )
      const byName = yield* refusal(Address.tcp("localhost", (address as Address.Tcp).port))
      assert.include(byName, "connection refused by localhost:")
    }))

  it.live("names its node", () =>
    Effect.gen(function*() {
      const address = yield* Effect.scoped(Effect.map(listening(Net.createServer()), (server) => server.address))
      const error = yield* Effect.flip(open(address))
      assert.strictEqual(error.node, address.key)
      assert.include(error.message, address.key)
    }))

  it.live("has a host that does not exist", () =>
    Effect.gen(function*() {
      const problem = yield* refusal(Address.tcp("no-such-host.invalid", 6379))
      assert.match(problem, /^(host not found: |the DNS did not answer for )no-such-host.invalid:6379/)
    }))

  it.live("has a port that is none", () =>
    Effect.gen(function*() {
      assert.include(yield* refusal(Address.tcp("127.0.0.1", 70_000)), "127.0.0.1:70000")
    }))

  it.live("has a path without a socket", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "redis.sock")
      assert.include(yield* refusal(Address.unix(path)), `there is no socket at unix:${path}`)
    }))

  it.effect("is given up after connectTimeout, on Effect's clock", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer({ pauseOnConnect: true }))
      const attempt = yield* Effect.forkChild(refusal(server.address, { tls: true, connectTimeout: "3 seconds" }), {
        startImmediately: true
      })
      const socket = yield* server.accepted
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(attempt.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(
        yield* Fiber.join(attempt),
        `${server.address.key} did not finish the TLS handshake within 3s; check the address, or raise connectTimeout`
      )
      yield* closed(socket)
    }))

  it.live("frees its socket when the attempt is interrupted", () =>
    Effect.gen(function*() {
      const server = yield* listening(Net.createServer({ pauseOnConnect: true }))
      const attempt = yield* Effect.forkChild(open(server.address, { tls: true }), { startImmediately: true })
      const socket = yield* server.accepted
      yield* Fiber.interrupt(attempt)
      yield* closed(socket)
    }))
})

class Certificates extends Context.Service<Certificates, Effect.Success<typeof certificates>>()("test/Certificates") {
  static readonly layer = Layer.effect(Certificates, certificates)
}

layer(Certificates.layer, { excludeTestServices: true })("a TLS connection", (it) => {
  const secured = Effect.fnUntraced(function*(options?: Tls.TlsOptions) {
    const { ca, client, server } = yield* Certificates
    const listens = yield* listening(Tls.createServer({ ...server, ...options }, echo), undefined, "secureConnection")
    return { ...listens, ca, clientCert: client.cert, clientKey: Redacted.make(client.key) }
  })

  it.effect("trusts the authority it was given, and carries 10 MiB both ways", () =>
    Effect.gen(function*() {
      const { address, ca, port } = yield* secured()
      yield* roundTrip(address, { tls: { ca } })
      yield* roundTrip(Address.tcp("localhost", port), { tls: { ca: [new TextEncoder().encode(ca)] } })
    }))

  it.effect("sends the name of the host, or the one it was given, and never an IP address", () =>
    Effect.gen(function*() {
      const { accepted, address, ca, port } = yield* secured()
      const nameSent = Effect.map(accepted, (socket) => (socket as Tls.TLSSocket & { servername: unknown }).servername)
      yield* open(Address.tcp("localhost", port), { tls: { ca } })
      assert.strictEqual(yield* nameSent, "localhost")
      yield* open(address, { tls: { ca, servername: "localhost" } })
      assert.strictEqual(yield* nameSent, "localhost")
      yield* open(address, { tls: { ca } })
      assert.isFalse(yield* nameSent)
      yield* open(Address.tcp("localhost", port), { tls: { ca, servername: "127.0.0.1" } })
      assert.isFalse(yield* nameSent)
    }))

  it.effect("refuses a certificate for another name", () =>
    Effect.gen(function*() {
      const { address, ca } = yield* secured()
      const problem = yield* refusal(address, { tls: { ca, servername: "redis.example.com" } })
      assert.include(problem, `the certificate of ${address.key} does not match its name`)
      assert.include(problem, "tls.servername")
    }))

  it.effect("refuses a certificate whose authority it does not know, unless told to accept any", () =>
    Effect.gen(function*() {
      const { address } = yield* secured()
      assert.include(yield* refusal(address, { tls: true }), `the certificate of ${address.key} is not trusted`)
      yield* roundTrip(address, { tls: { rejectUnauthorized: false } })
    }))

  it.effect("shows its own certificate to a server that demands one", () =>
    Effect.gen(function*() {
      const authority = (yield* Certificates).ca
      const { address, ca, clientCert, clientKey } = yield* secured({
        requestCert: true,
        rejectUnauthorized: true,
        ca: authority
      })
      yield* roundTrip(address, { tls: { ca, cert: clientCert, key: clientKey } })
    }))

  it.effect("is told why by a server that demands a certificate and got none", () =>
    Effect.gen(function*() {
      const authority = (yield* Certificates).ca
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const demands = { requestCert: true, rejectUnauthorized: true, ca: authority, maxVersion: version }
        const { address, ca } = yield* secured(demands)
        // TLS 1.3 lets a client finish its part of the handshake before the server has looked at its certificate.
        const problem = yield* open(address, { tls: { ca } }).pipe(
          Effect.flatMap(({ next }) => next),
          Effect.map((event) => event._tag === "Close" ? event.problem : assert.fail(event._tag)),
          Effect.catch((error) => Effect.succeed(problemOf(error)))
        )
        assert.include(problem, "give tls.cert and tls.key")
      }
    }))

  it.effect("refuses versions older than minVersion", () =>
    Effect.gen(function*() {
      const { address, ca } = yield* secured({ maxVersion: "TLSv1.2" })
      assert.include(yield* refusal(address, { tls: { ca, minVersion: "TLSv1.3" } }), "no TLS version in common")
    }))

  it.effect("says so when the port does not speak TLS", () =>
    Effect.gen(function*() {
      const talks = yield* listening(
        Net.createServer((socket) => void socket.once("data", () => socket.end("-ERR what?\r\n")))
      )
      assert.include(yield* refusal(talks.address, { tls: true }), "does not speak TLS")
      const leaves = yield* listening(Net.createServer((socket) => void socket.once("data", () => socket.end())))
      assert.include(yield* refusal(leaves.address, { tls: true }), "closed the connection during the TLS handshake")
    }))

  it.effect("is not even tried with a key of another certificate, or one that is none", () =>
    Effect.gen(function*() {
      const { client, server } = yield* Certificates
      for (const key of [server.key, "not a key"]) {
        const error = yield* Effect.flip(NodeConnector.make({ tls: { cert: client.cert, key: Redacted.make(key) } }))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.notInclude(error.message, key)
      }
    }))
})

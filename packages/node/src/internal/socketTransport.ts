import type { Address } from "@redisc/core/Address"
import type { Listener, Transport } from "@redisc/core/Connector"
import { ConnectionFailed, RedisError } from "@redisc/core/RedisError"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as Tls from "node:tls"
import type { Security } from "./security.ts"
import { socketProblem } from "./socketProblem.ts"
import type { Stage } from "./socketProblem.ts"

const readBufferSize = 64 * 1024

/** One buffer for all sockets: a chunk is decoded completely before the next one is read. */
const readBuffer = Buffer.allocUnsafeSlow(readBufferSize)

const highWater = 1024 * 1024
const keepAliveDelay = 10_000

export const connectionFailed = (address: Address, problem: string, cause?: unknown): RedisError =>
  new RedisError({
    reason: new ConnectionFailed(cause === undefined ? { problem } : { problem, cause }),
    delivery: "NotSent",
    node: address.key,
    attempts: 0
  })

const tlsOptions = (address: Address, security: Security): Tls.ConnectionOptions => {
  const host = address._tag === "Tcp" ? address.host : "localhost"
  const name = security.servername ?? host
  return {
    secureContext: security.context,
    rejectUnauthorized: security.rejectUnauthorized,
    // An IP address may be verified, but must not be sent as a server name.
    servername: Net.isIP(name) === 0 ? name : "",
    checkServerIdentity: (_host, certificate) => Tls.checkServerIdentity(name, certificate)
  }
}

/** One socket: TCP, TLS or unix, with the same handlers. */
export class SocketTransport implements Transport {
  readonly address: Address
  readonly security: Security | undefined
  stage: Stage = "connecting"
  private closed = false
  private listener: Listener | undefined
  private socket: Net.Socket | undefined
  private waitsForDrain = false
  private readonly report: (error: unknown) => void

  constructor(
    address: Address,
    security: Security | undefined,
    listener: Listener,
    report: (error: unknown) => void
  ) {
    this.report = report
    this.address = address
    this.security = security
    this.listener = listener
  }

  readonly connect: Effect.Effect<void, RedisError> = Effect.callback<void, RedisError>((resume) => {
    const { address, security } = this
    try {
      const target = {
        ...(address._tag === "Tcp" ? { host: address.host, port: address.port } : { path: address.path }),
        // Reads into `readBuffer`: no allocation, and no stream between the kernel and the listener.
        onread: {
          buffer: readBuffer,
          callback: (size: number, buffer: Uint8Array) => {
            this.tell((listener) => listener.onData(buffer.subarray(0, size)))
            return true
          }
        }
      }
      const socket = security === undefined
        ? Net.connect(target)
        : Tls.connect({ ...target, ...tlsOptions(address, security) })
      this.socket = socket
      socket.setNoDelay(true)
      socket.setKeepAlive(true, keepAliveDelay)
      const connected = () => {
        if (this.closed) return
        this.stage = "open"
        resume(Effect.void)
      }
      const lost = (problem: string, cause?: unknown) => {
        if (this.closed) return
        const listener = this.listener
        this.close()
        if (this.stage === "open") this.tell((listener) => listener.onClose(problem, cause), listener)
        else resume(Effect.fail(connectionFailed(address, problem, cause)))
      }
      socket.on("connect", () => {
        if (security === undefined) connected()
        else if (this.stage === "connecting") this.stage = "securing"
      })
      if (security !== undefined) socket.on("secureConnect", connected)
      socket.on("drain", () => {
        if (!this.waitsForDrain) return
        this.waitsForDrain = false
        this.tell((listener) => listener.onDrain())
      })
      socket.on("error", (error) => lost(socketProblem(error, address, this.stage), error))
      // If the peer aborts the TLS handshake, "end" comes before "error", which says more.
      socket.on("end", () => {
        if (this.stage === "open") lost(`${address.key} closed the connection`)
      })
      socket.on("close", () => lost(`${address.key} closed the connection`))
    } catch (error) {
      this.close()
      resume(Effect.fail(connectionFailed(address, socketProblem(error, address, "connecting"), error)))
    }
    return Effect.sync(() => this.close())
  })

  /** Calls the listener and reports its exceptions. Uncaught ones would reach the event loop and end the process. */
  private tell(what: (listener: Listener) => void, listener = this.listener): void {
    if (listener === undefined) return
    try {
      what(listener)
    } catch (error) {
      this.report(error)
    }
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    const socket = this.socket
    // Not false: a closed socket never drains.
    if (this.closed || socket === undefined) return true
    if (chunks.length === 1) {
      socket.write(chunks[0])
    } else {
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
      socket.uncork()
    }
    // `highWater` is far above Node's own mark, so Node's write has returned false, too, and "drain" will come.
    if (socket.writableLength <= highWater) return true
    this.waitsForDrain = true
    return false
  }

  get remote(): string | undefined {
    return this.socket?.remoteAddress
  }

  holds(): boolean {
    return this.socket === undefined || this.socket.writableLength > 0
  }

  close(): void {
    this.closed = true
    this.listener = undefined
    this.socket?.destroy()
  }
}

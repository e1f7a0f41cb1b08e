/** Each client's way of hearing one channel: subscribes, and calls back with the payload of every message. */
import type { PubSub } from "@redisc/core"
import * as Net from "node:net"

export type Subscribe = (port: number, channel: string, hear: (payload: string) => void) => Promise<void>

const redisc = (inArrays: boolean): Subscribe => async (port, channel, hear) => {
  const { PubSub } = await import("@redisc/core")
  const { NodeRedisCluster } = await import("@redisc/node")
  const Effect = await import("effect/Effect")
  const Stream = await import("effect/Stream")
  const ManagedRuntime = await import("effect/ManagedRuntime")
  const runtime = ManagedRuntime.make(NodeRedisCluster.layer({ nodes: [`127.0.0.1:${port}`] }))
  await new Promise<void>((resolve, reject) => {
    const listening = Effect.scoped(Effect.gen(function*() {
      // The others have no bound, so that none is to be met here either.
      const events = yield* PubSub.listen({ channels: [channel] }, { buffer: Number.MAX_SAFE_INTEGER })
      resolve()
      const note = (event: PubSub.Event): void => {
        if (event._tag === "Message") hear(event.payload)
      }
      yield* inArrays
        ? Stream.runForEachArray(events, (several) => Effect.sync(() => several.forEach(note)))
        : Stream.runForEach(events, (event) => Effect.sync(() => note(event)))
    }))
    runtime.runPromise(listening).catch(reject)
  })
}

const ioredis: Subscribe = async (port, channel, hear) => {
  const { Cluster } = await import("ioredis")
  const cluster = new Cluster([{ host: "127.0.0.1", port }])
  cluster.on("message", (_channel: string, payload: string) => hear(payload))
  await cluster.subscribe(channel)
}

const nodeRedis: Subscribe = async (port, channel, hear) => {
  const { createCluster } = await import("redis")
  const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] })
  await cluster.connect()
  await cluster.subscribe(channel, (payload) => hear(payload))
}

/** A bare socket that knows how long each message is, and makes a string of each payload. */
const floor: Subscribe = (port, channel, hear) =>
  new Promise((resolve) => {
    const socket = Net.connect({ port, host: "127.0.0.1" })
    socket.write(`*2\r\n$9\r\nSUBSCRIBE\r\n$${channel.length}\r\n${channel}\r\n`)
    const head = `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$100\r\n`.length
    const size = head + 102
    let rest: Buffer = Buffer.alloc(0)
    socket.once("data", () => {
      resolve()
      socket.on("data", (chunk) => {
        const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        let at = 0
        for (; at + size <= data.length; at += size) hear(data.toString("latin1", at + head, at + head + 100))
        rest = data.subarray(at)
      })
    })
  })

export const subscribers = {
  redisc: redisc(false),
  "redisc, arrays": redisc(true),
  ioredis,
  "node-redis": nodeRedis,
  floor
}

export type SubscriberName = keyof typeof subscribers

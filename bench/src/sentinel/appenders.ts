/** The clients of a Sentinel group, each used as its documentation has it. A module is imported when its client is opened. */
import { Address, Redis, RedisCluster, Topology } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

export interface Sentinels {
  readonly name: string
  readonly addresses: ReadonlyArray<{ readonly host: string; readonly port: number }>
}

/** Puts a number at the end of a list. */
export type Append = (key: string, number: string) => Promise<unknown>

const redisc = async ({ addresses, name }: Sentinels): Promise<Append> => {
  const source = Topology.sentinel({ name, sentinels: addresses.map(({ host, port }) => Address.tcp(host, port)) })
  const runtime = ManagedRuntime.make(Layer.provide(RedisCluster.layerFromSource(source), NodeConnector.layer()))
  const run = Effect.runPromiseWith(await runtime.context())
  return (key, number) => run(Redis.rpush(key, [number]))
}

const ioredis = (failoverDetector: boolean) => async ({ addresses, name }: Sentinels): Promise<Append> => {
  const { Redis } = await import("ioredis")
  const client = new Redis({ sentinels: [...addresses], name, failoverDetector })
  client.on("error", () => {})
  await client.ping()
  return (key, number) => client.rpush(key, number)
}

const nodeRedis = async ({ addresses, name }: Sentinels): Promise<Append> => {
  const { createSentinel } = await import("redis")
  const client = createSentinel({ name, sentinelRootNodes: [...addresses] })
  client.on("error", () => {})
  await client.connect()
  return (key, number) => client.rPush(key, number)
}

export const appenders = {
  redisc,
  ioredis: ioredis(false),
  "ioredis, failoverDetector": ioredis(true),
  "node-redis": nodeRedis
}

export type AppenderName = keyof typeof appenders

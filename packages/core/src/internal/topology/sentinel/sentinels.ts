/**
 * The connections to sentinels, apart from those to the servers: they have their own credentials, and perhaps a `Connector` of their
 * own. Listens to several sentinels at once, and asks over the same connections where that is possible.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Address } from "../../../Address.ts"
import { Connector } from "../../../Connector.ts"
import { makePool } from "../../connection/nodePool.ts"
import type { Options as ConnectionOptions } from "../../connection/options.ts"
import type { Ask } from "./poll.ts"
import type { Event } from "./replies.ts"
import { Watcher } from "./watch.ts"

/** How sentinels are connected to. `timeout` is in milliseconds. */
export interface Options {
  readonly credentials: ConnectionOptions["credentials"]
  readonly connector: Connector["Service"] | undefined
  readonly timeout: number
  readonly onEvent: (event: Event) => void
  readonly onOpen: (sentinel: Address) => void
}

export interface Sentinels {
  readonly ask: Ask
  /** From now on listens to these, and to no others. */
  readonly listenTo: (sentinels: ReadonlyArray<Address>) => void
}

export const make = Effect.fnUntraced(function*({ connector, credentials, onEvent, onOpen, timeout }: Options) {
  const duration = Duration.millis(timeout)
  const made = makePool({ credentials, connectTimeout: duration, commandTimeout: duration })
  const pool = yield* connector === undefined ? made : Effect.provideService(made, Connector, connector)
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const watchers = new Map<string, { readonly watcher: Watcher; readonly fiber: Fiber.Fiber<never> }>()
  const owner = {
    clock,
    timeout,
    connect: pool.connect,
    due: (address: Address) => Effect.suspend(() => pool.backoff(address).due),
    onEvent,
    onOpen
  }

  const ask: Ask = (sentinel, command) =>
    Effect.suspend(() => {
      const line = watchers.get(sentinel.key)?.watcher.line
      return line === undefined ? pool.node(sentinel).ask(command) : line.execute(command)
    })

  const listenTo = (sentinels: ReadonlyArray<Address>): void => {
    const wanted = new Map(sentinels.map((address) => [address.key, address]))
    for (const [key, { fiber }] of watchers) {
      if (wanted.has(key)) continue
      watchers.delete(key)
      fiber.interruptUnsafe()
    }
    for (const [key, address] of wanted) {
      if (watchers.has(key)) continue
      const watcher = new Watcher(address, owner)
      const fiber = fork(watcher.run)
      watchers.set(key, { watcher, fiber })
      Fiber.runIn(fiber, scope)
    }
    // The connections that were only for questions, where there is one for both by now.
    const kept = new Set(sentinels.flatMap(({ key }) => watchers.get(key)?.watcher.line === undefined ? [key] : []))
    pool.retain(kept, new Set())
  }

  const sentinels: Sentinels = { ask, listenTo }
  return sentinels
})

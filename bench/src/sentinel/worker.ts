/**
 * The process for one client of a Sentinel group: appends numbers at a fixed rate, whatever becomes of those before, until it is
 * told to stop, and tells what became of each.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { appenders } from "./appenders.ts"
import type { AppenderName, Sentinels } from "./appenders.ts"

export interface Task {
  readonly client: AppenderName
  readonly sentinels: Sentinels
  readonly keys: ReadonlyArray<string>
  /** Numbers a second. */
  readonly rate: number
  /** How long the last ones are waited for, in seconds. */
  readonly patience: number
}

/** What became of each number; times are in milliseconds since 1970. */
export interface Told {
  readonly begunAt: Array<number>
  /** 0 as long as it is not known. */
  readonly endedAt: Array<number>
  readonly errors: Record<number, string>
}

export type Message =
  | { readonly _tag: "Begun" }
  | { readonly _tag: "Done"; readonly told: Told }
  | { readonly _tag: "Failed"; readonly problem: string }

const send = (message: Message): void => {
  process.send?.(message)
}

const tick = 5
const load = { isStopped: false, pending: 0 }

const textOf = (error: unknown): string => error instanceof Error ? error.message : `${error}`

const perform = async ({ client, keys, patience, rate, sentinels }: Task): Promise<void> => {
  const append = await appenders[client](sentinels)
  const told: Told = { begunAt: [], endedAt: [], errors: {} }
  const one = (number: number): void => {
    told.begunAt.push(Date.now())
    told.endedAt.push(0)
    load.pending++
    append(keys[number % keys.length], `${number}`).catch((error) => {
      told.errors[number] = textOf(error)
    }).finally(() => {
      told.endedAt[number] = Date.now()
      load.pending--
    })
  }
  await append("warm", "0")
  send({ _tag: "Begun" })
  const begun = Date.now()
  for (let sent = 0; !load.isStopped; await sleep(tick)) {
    for (const due = (Date.now() - begun) * rate / 1000; sent < due; sent++) one(sent)
  }
  for (const end = Date.now() + patience * 1000; load.pending > 0 && Date.now() < end;) await sleep(tick)
  send({ _tag: "Done", told })
}

process.on("message", (message) => {
  if (message === "stop") {
    load.isStopped = true
    return
  }
  perform(message as Task).catch((error) => send({ _tag: "Failed", problem: textOf(error) }))
})
// Some clients reject promises of their own that nobody has.
process.on("unhandledRejection", () => {})
process.once("disconnect", () => process.exit(0))

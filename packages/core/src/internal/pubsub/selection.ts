/**
 * What somebody wants to hear, and how: what is wrong with that, and the names as the server will tell them.
 *
 * To a server a name is bytes. Messages and confirmations come back under what those bytes are as text, so a lone surrogate,
 * which is sent as U+FFFD, is that from the beginning.
 */
import * as Schema from "effect/Schema"
import { wellFormed } from "../resp/text.ts"
import * as Settings from "../values/settings.ts"
import type { Kind } from "./topic.ts"

/** A name, by kind. */
export type Named = readonly [kind: Kind, name: string]

const isName = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "bigint" || Number.isFinite(value)

const names: Settings.Check = (option, value) => {
  if (!Array.isArray(value)) {
    return `${option} has to be an array of names, as ["news"] is, not ${Settings.kindOf(value)}`
  }
  // A hole in the array is none, too.
  for (let i = 0; i < value.length; i++) {
    if (!isName(value[i])) return `${option}[${i}] has to be text, not ${Settings.kindOf(value[i])}`
  }
  return undefined
}

const payload: Settings.Check = (option, value) => {
  if (Schema.isSchema(value)) return undefined
  const problem = Settings.oneOf("text", "bytes")(option, value)
  return problem?.replace("has to be one of", "has to be a Schema or one of")
}

const topicChecks = { channels: names, patterns: names, shardChannels: names }
const bufferChecks = { buffer: Settings.count, overflow: Settings.oneOf("dropOldest", "dropNewest", "fail") }
const optionChecks = { payload, ...bufferChecks }
const keyspaceChecks = { keys: Settings.text, events: names }

/** What is wrong with topics and the options beside them. */
export const topicsProblem = (topics: unknown, options: unknown): string | undefined => {
  if (!Settings.isPlain(topics)) {
    return `say what to subscribe to as { channels: ["news"] } does, not by ${Settings.kindOf(topics)}`
  }
  return Settings.optionsProblem(topics, topicChecks) ?? Settings.optionsProblem(options, optionChecks) ??
    (Object.keys(topicChecks).some((kind) => (topics[kind] as ReadonlyArray<unknown> | undefined)?.length)
      ? undefined
      : "give at least one channel or pattern to subscribe to")
}

/** What is wrong with a selection of keys and events, and the options beside it. */
export const keyspaceProblem = (selection: unknown, options: unknown): string | undefined =>
  Settings.optionsProblem(selection, keyspaceChecks, "selection") ?? Settings.optionsProblem(options, bufferChecks)

/** A name as the server tells it. */
export const toldName = (name: string): string => wellFormed(`${name}`)

/** The names of topics, each once. */
export const namesOf = (
  topics: Readonly<Partial<Record<keyof typeof topicChecks, ReadonlyArray<string> | undefined>>>
): ReadonlyArray<Named> => {
  const of = (kind: Kind, names: ReadonlyArray<string> = []): ReadonlyArray<Named> =>
    Array.from(new Set(names.map(toldName)), (name) => [kind, name] as const)
  return of("channel", topics.channels).concat(of("pattern", topics.patterns), of("shard", topics.shardChannels))
}

/**
 * Checks the topics and options of a subscription, and normalises the names.
 *
 * To a server a name is bytes, and its messages contain the text of those bytes. A lone surrogate is sent as U+FFFD, so it is
 * replaced in the name from the beginning; otherwise messages would not match the name.
 */
import * as Schema from "effect/Schema"
import { wellFormed } from "../resp/text.ts"
import * as Settings from "../values/settings.ts"
import type { Kind } from "./topic.ts"

/** A name and its kind. */
export type Named = readonly [kind: Kind, name: string]

const isName = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "bigint" || Number.isFinite(value)

const names: Settings.Check = (option, value) => {
  if (!Array.isArray(value)) {
    return `${option} has to be an array of names, as ["news"] is, not ${Settings.kindOf(value)}`
  }
  // A loop by index: unlike `every`, it visits holes of a sparse array.
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

/** The problem of topics to subscribe to, or of their options. */
export const topicsProblem = (topics: unknown, options: unknown): string | undefined => {
  if (!Settings.isPlain(topics)) {
    return `say what to subscribe to as { channels: ["news"] } does, not by ${Settings.kindOf(topics)}`
  }
  return Settings.optionsProblem(topics, topicChecks) ?? Settings.optionsProblem(options, optionChecks) ??
    (Object.keys(topicChecks).some((kind) => (topics[kind] as ReadonlyArray<unknown> | undefined)?.length)
      ? undefined
      : "give at least one channel or pattern to subscribe to")
}

/** The problem of a selection of keys and events, or of its options. */
export const keyspaceProblem = (selection: unknown, options: unknown): string | undefined =>
  Settings.optionsProblem(selection, keyspaceChecks, "selection") ?? Settings.optionsProblem(options, bufferChecks)

/** A name as the server will repeat it in messages. */
export const toldName = (name: string): string => wellFormed(`${name}`)

/** The kinds and names of topics, without duplicates. */
export const namesOf = (
  topics: Readonly<Partial<Record<keyof typeof topicChecks, ReadonlyArray<string> | undefined>>>
): ReadonlyArray<Named> => {
  const of = (kind: Kind, names: ReadonlyArray<string> = []): ReadonlyArray<Named> =>
    Array.from(new Set(names.map(toldName)), (name) => [kind, name] as const)
  return of("channel", topics.channels).concat(of("pattern", topics.patterns), of("shard", topics.shardChannels))
}

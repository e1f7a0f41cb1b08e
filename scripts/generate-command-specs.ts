/**
 * Writes `packages/core/src/generated/commandTable.ts` from the facts in `scripts/commands/`: those recorded from a server,
 * corrected and completed by facts about later versions, and by what is asked of several nodes although Redis does not say so.
 *
 * Usage: node scripts/generate-command-specs.ts           writes the table
 *        node scripts/generate-command-specs.ts --check   fails if the existing table is out of date
 */
import { readFileSync, writeFileSync } from "node:fs"

/**
 * The positions of keys, in Redis' own numbers: an index counts from the command's name, which is 0.
 *
 * `range` is last key, step and limit; `count` is the index of the count, that of the first key, and the step. `skip`, which
 * servers do not report, lists the options that may come before the keyword, with the number of their arguments.
 */
export interface FactKey {
  readonly index?: number
  readonly keyword?: string
  readonly from?: number
  readonly skip?: Readonly<Record<string, number>>
  readonly range?: readonly [lastKey: number, step: number, limit: number]
  readonly count?: readonly [index: number, firstKey: number, step: number]
  readonly unknown?: true
  readonly flags?: ReadonlyArray<string>
}

/** The position of a blocking command's timeout, in the numbers of {@link FactKey}. */
export interface FactTimeout {
  readonly index?: number
  readonly keyword?: string
  readonly from?: number
  /** The search for the keyword stops at this word. */
  readonly until?: string
  readonly skip?: Readonly<Record<string, number>>
  readonly unit: "seconds" | "millis"
}

/** The facts about one command. A field in the file `later` replaces the recorded one. */
export interface Fact {
  readonly since?: string
  readonly flags?: ReadonlyArray<string>
  readonly tips?: ReadonlyArray<string>
  readonly keys?: ReadonlyArray<FactKey>
  readonly timeout?: FactTimeout
  /** The argument that chooses the node of a command that any node would take, in the numbers of {@link FactKey}. */
  readonly affinity?: number
  /** Whether several replies belong together only if they come from one node. */
  readonly sticky?: boolean
  /** Whether it is about all keys of its node, and so about the slots that the node serves at that time. */
  readonly keyspace?: boolean
  /** Whether to execute it once more does no harm, although it is not flagged as one that only reads. */
  readonly repeatable?: boolean
  /** Options that make all of the command's work depend on all of its keys. */
  readonly atomicWith?: ReadonlyArray<string>
}

const recorded = "scripts/commands/redis-7.0.15.json"
const later = "scripts/commands/later.json"
/** What commands about the whole cluster are, beyond what servers say about them. */
const everywhere = "scripts/commands/everywhere.json"
/**
 * Lists commands by the kinds of their replies, with any options, protocol and version of the server, outside of transactions.
 * A command is in none of the lists if its kinds are not certain.
 */
const replies = "scripts/commands/replies.json"
/** Lists, by the reason and where it is stated, commands whose replies are not to be kept although nothing else forbids it. */
const uncacheable = "scripts/commands/uncacheable.json"
const target = "packages/core/src/generated/commandTable.ts"

const replyKinds: Record<string, string> = { text: "Text", number: "Number", aggregate: "Aggregate" }

const fileAt = (path: string) => new URL(`../${path}`, import.meta.url)
const read = (path: string): Record<string, Fact> => JSON.parse(readFileSync(fileAt(path), "utf8"))

const requestPolicies: Record<string, string> = {
  all_nodes: "AllNodes",
  all_shards: "AllShards",
  multi_shard: "MultiShard",
  special: "Special"
}

const responsePolicies: Record<string, string> = {
  one_succeeded: "OneSucceeded",
  all_succeeded: "AllSucceeded",
  agg_logical_and: "AggLogicalAnd",
  agg_logical_or: "AggLogicalOr",
  agg_min: "AggMin",
  agg_max: "AggMax",
  agg_sum: "AggSum",
  union: "Union",
  one_by_size: "OneBySize",
  special: "Special"
}

const policyOf = (name: string, fact: Fact, kind: string, policies: Record<string, string>): string | undefined => {
  const tip = fact.tips?.find((tip) => tip.startsWith(`${kind}:`))
  if (tip === undefined) return undefined
  const policy = policies[tip.slice(kind.length + 1)]
  if (policy === undefined) throw new Error(`${name} has a tip that this script does not know: ${tip}`)
  return policy
}

/**
 * Converts an index: Redis counts from the command's name, the table from the first argument behind the name. Negative
 * indexes count from the end in both.
 */
const shift = (index: number, names: number): number => index < 0 ? index : index - names

const skipOf = (skip: Readonly<Record<string, number>>): string =>
  `, { ${Object.entries(skip).map(([option, args]) => `${option}: ${args}`).join(", ")} }`

const keyOf = (names: number, key: FactKey): string => {
  const begin = key.keyword === undefined
    ? `${key.flags?.includes("not_empty") === true ? "indexUnlessEmpty" : "index"}(${shift(key.index!, names)})`
    : `keyword(${JSON.stringify(key.keyword)}, ${shift(key.from!, names)}${
      key.skip === undefined ? "" : skipOf(key.skip)
    })`
  if (key.range !== undefined) {
    const [last, step, limit] = key.range
    if (begin.startsWith("index(") && step === 1 && limit === 0) {
      if (last === 0) return `at(${shift(key.index!, names)})`
      if (last === -1) return `from(${shift(key.index!, names)})`
    }
    return `{ begin: ${begin}, find: range(${last}, ${step}, ${limit}) }`
  }
  return `{ begin: ${begin}, find: count(${key.count!.join(", ")}) }`
}

const timeoutOf = (names: number, { from, index, keyword, skip, unit, until }: FactTimeout): string => {
  const begin = keyword === undefined
    ? `index(${shift(index!, names)})`
    : `keyword(${JSON.stringify(keyword)}, ${shift(from!, names)}${skipOf(skip!)}, ${JSON.stringify(until)})`
  return `blockTime: { at: ${begin}, unit: ${unit === "seconds" ? 1000 : 1} }`
}

const statefulKinds: Record<string, string> = {
  here: "Here",
  changes: "Changes",
  watches: "Watches",
  unwatches: "Unwatches",
  takes_over: "TakesOver"
}

const partialKinds: Record<string, string> = {
  script: "Script",
  digest: "Digest",
  pieces: "Pieces"
}

/** The field for a flag such as `stateful:here` in the file `later`. */
const kindOf = (flags: ReadonlySet<string>, fact: string, kinds: Record<string, string>): string | undefined => {
  const flag = Array.from(flags).find((flag) => flag.startsWith(`${fact}:`))
  return flag === undefined ? undefined : `${fact}: ${JSON.stringify(kinds[flag.slice(fact.length + 1)])}`
}

/** The field `replies` as it is written in the table, by the name of the command. */
const readReplies = (): ReadonlyMap<string, string> => {
  const kindsOf = new Map<string, string>()
  const groups: Record<string, ReadonlyArray<string>> = JSON.parse(readFileSync(fileAt(replies), "utf8"))
  for (const [words, names] of Object.entries(groups)) {
    const kinds = words.split(" or ").map((word) => {
      if (replyKinds[word] === undefined) {
        throw new Error(`${replies} names a kind that this script does not know: ${word}`)
      }
      return JSON.stringify(replyKinds[word])
    })
    for (const name of names) {
      if (kindsOf.has(name)) throw new Error(`${replies} has ${name} twice`)
      kindsOf.set(name, `replies: [${kinds.join(", ")}]`)
    }
  }
  return kindsOf
}

const repliesOf = readReplies()

const exceptions = new Set(Object.values(JSON.parse(readFileSync(fileAt(uncacheable), "utf8"))).flat())

/** Whether the recorded facts allow a reply to be kept until one of its keys is written. */
const isSteady = ({ flags = [], keys = [], sticky, tips = [] }: Fact): boolean =>
  flags.includes("readonly") && !flags.includes("blocking") &&
  !flags.some((flag) => flag.startsWith("partial:") || flag.startsWith("stateful:")) &&
  keys.length > 0 &&
  !keys.some((key) => key.unknown === true || key.flags?.some((flag) => flag === "incomplete" || flag === "not_key")) &&
  sticky !== true && !tips.includes("nondeterministic_output") && !tips.includes("dont_cache")

const rowOf = (name: string, fact: Fact): string => {
  const names = name.split(" ").length
  const keys = (fact.keys ?? []).filter((key) => key.unknown !== true)
  const flags = new Set(fact.flags)
  const request = policyOf(name, fact, "request_policy", requestPolicies)
  const response = policyOf(name, fact, "response_policy", responsePolicies)
  const fields = [
    `since: ${JSON.stringify(fact.since)}`,
    keys.length > 0 && `keys: [${keys.map((key) => keyOf(names, key)).join(", ")}]`,
    fact.keys?.some((key) => key.unknown === true || key.flags?.includes("incomplete")) && "incompleteKeys: true",
    flags.has("write") && "write: true",
    flags.has("readonly") && "readOnly: true",
    flags.has("blocking") && "blocking: true",
    fact.timeout !== undefined && timeoutOf(names, fact.timeout),
    kindOf(flags, "stateful", statefulKinds),
    kindOf(flags, "partial", partialKinds),
    flags.has("urgent") && "urgent: true",
    flags.has("alone") && "alone: true",
    repliesOf.get(name),
    fact.affinity !== undefined && `affinity: ${shift(fact.affinity, names)}`,
    fact.sticky === true && "sticky: true",
    fact.keyspace === true && "keyspace: true",
    isSteady(fact) && !exceptions.has(name) && "cacheable: true",
    fact.repeatable === true && "repeatable: true",
    fact.atomicWith !== undefined && `atomicWith: [${fact.atomicWith.map((word) => JSON.stringify(word)).join(", ")}]`,
    request !== undefined && `request: ${JSON.stringify(request)}`,
    response !== undefined && `response: ${JSON.stringify(response)}`
  ]
  return `  ${JSON.stringify(name)}: { ${fields.filter((field) => typeof field === "string").join(", ")} }`
}

const facts = read(recorded)
for (const file of [later, everywhere]) {
  for (const [name, fact] of Object.entries(read(file))) {
    facts[name] = { ...facts[name], ...fact }
    if (facts[name].since === undefined) throw new Error(`${file} corrects ${name}, which ${recorded} does not have`)
  }
}
for (const name of repliesOf.keys()) {
  if (facts[name] === undefined) throw new Error(`${replies} has ${name}, which is no command that is known`)
}
for (const name of exceptions) {
  if (typeof name !== "string" || facts[name] === undefined || !isSteady(facts[name])) {
    throw new Error(`${uncacheable} has ${name}, whose replies would not be kept anyway`)
  }
}
const rows = Object.keys(facts).sort().map((name) => rowOf(name, facts[name]))

const text = `// Generated by scripts/generate-command-specs.ts from ${recorded},
// ${later}, ${everywhere}, ${replies} and
// ${uncacheable}. Change those and run "npm run generate".
import type { KeySpec, Place, Row } from "../internal/values/commandRow.ts"

const index = (index: number): Place => ({ _tag: "Index", index })
const indexUnlessEmpty = (index: number): Place => ({ _tag: "Index", index, unlessEmpty: true })
const keyword = (
  keyword: string,
  from: number,
  skip: Readonly<Record<string, number>> = {},
  until?: string
): Place => ({ _tag: "Keyword", keyword, from, skip, until })
const range = (last: number, step: number, limit: number): KeySpec["find"] => ({ _tag: "Range", last, step, limit })
const count = (index: number, first: number, step: number): KeySpec["find"] => ({ _tag: "Count", index, first, step })
/** One key. */
const at = (first: number): KeySpec => ({ begin: index(first), find: range(0, 1, 0) })
/** A key, and all arguments behind it. */
const from = (first: number): KeySpec => ({ begin: index(first), find: range(-1, 1, 0) })


export const table: Record<string, Row> = {
${rows.join(",\n")}
}
`

if (process.argv.includes("--check")) {
  if (readFileSync(fileAt(target), "utf8") !== text) {
    console.error(`${target} is stale: run "npm run generate"`)
    process.exit(1)
  }
  console.log(`${target} is up to date: ${rows.length} commands`)
} else {
  writeFileSync(fileAt(target), text)
  console.log(`${target}: ${rows.length} commands`)
}

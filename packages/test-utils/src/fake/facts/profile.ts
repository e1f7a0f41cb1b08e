/**
 * What a service in front of servers takes away from them: commands that it refuses, and addresses that it hides.
 *
 * @since 0.1.0
 */
import * as Checks from "../input/checks.ts"

/**
 * A managed service or a proxy, as far as clients notice that it is not a server of their own.
 *
 * **Details**
 *
 * - `name`: of the service. `sources`: the pages that say so.
 * - `shape`: `"nodes"` if clients connect to the nodes, `"endpoint"` or `"name"` if there is one host for all of them. Behind it is
 *   one shard. Port 6379 of `fake-cache` leads to the primary, whichever node that is, and 6380 to a replica. After a failover
 *   an endpoint ends the connections to nodes that have another role by then; a name leads only new connections elsewhere.
 * - `secure`: whether connections are encrypted. The simulated network only says so, as `Connector.secure`; nodes then announce
 *   their ports as those for TLS.
 * - `refuses`: commands (`"KEYS"`), subcommands (`"CLIENT ID"`) and families (`"CONFIG"`); `"unlisted"` for all that `supports`
 *   does not list.
 * - `supports`: exceptions from `refuses`.
 * - `mostArguments`: of commands that may not have as many as Redis allows.
 * - `refusal`: the error: `"unknown"` as for a command that the server does not have, or `"noPermission"` as by an ACL.
 *   `isRefusalDocumented`: whether a page says so. Otherwise it is a guess.
 *
 * @category models
 * @since 0.1.0
 */
export interface Profile {
  readonly name: string
  readonly sources: ReadonlyArray<string>
  readonly shape: "nodes" | "endpoint" | "name"
  readonly secure: boolean
  readonly refuses: ReadonlyArray<string> | "unlisted"
  readonly supports?: ReadonlyArray<string> | undefined
  readonly mostArguments?: Readonly<Record<string, number>> | undefined
  readonly refusal: "unknown" | "noPermission"
  readonly isRefusalDocumented: boolean
}

/** How a command is refused: as an unknown one, an unknown subcommand, a forbidden one, or for its many arguments. */
export type Refusal = "command" | "subcommand" | "permission" | "arguments"

/** The profile of servers that nobody stands in front of. */
export const none: Profile = {
  name: "servers of one's own",
  sources: [],
  shape: "nodes",
  secure: false,
  refuses: [],
  refusal: "unknown",
  isRefusalDocumented: true
}

const fields: ReadonlyArray<keyof Profile> = [
  "name",
  "sources",
  "shape",
  "secure",
  "refuses",
  "supports",
  "mostArguments",
  "refusal",
  "isRefusalDocumented"
]

const names = (what: string, list: unknown): void => {
  if (!Array.isArray(list)) Checks.fail(`${what} is ${Checks.shown(list)}: give an array of names, such as ["KEYS"]`)
  for (const name of list as ReadonlyArray<unknown>) {
    if (typeof name !== "string" || !/^[A-Z][A-Z._-]*( [A-Z][A-Z_-]*)?$/i.test(name)) {
      Checks.fail(`${what} has ${Checks.shown(name)}: give the name of a command, such as "KEYS" or "CLIENT ID"`)
    }
  }
}

/** Checks a profile. Throws `FakeClusterError` if it is not one. */
export const checked = (profile: Profile | undefined): Profile => {
  if (profile === undefined) return none
  Checks.record("profile", profile, fields)
  Checks.oneOf("profile.shape", profile.shape, ["nodes", "endpoint", "name"])
  Checks.oneOf("profile.refusal", profile.refusal, ["unknown", "noPermission"])
  if (typeof profile.secure !== "boolean") {
    Checks.fail(`profile.secure is ${Checks.shown(profile.secure)}: give true or false`)
  }
  if (profile.refuses !== "unlisted") names("profile.refuses", profile.refuses)
  if (profile.supports !== undefined) names("profile.supports", profile.supports)
  const { mostArguments = {} } = profile
  Checks.record("profile.mostArguments", mostArguments)
  for (const [name, count] of Object.entries(mostArguments)) Checks.whole(`profile.mostArguments.${name}`, count, 0)
  return profile
}

/** What is refused, ready to be asked for each command. */
export class Restrictions {
  private readonly profile: Profile
  private readonly refuses: ReadonlySet<string> | undefined
  private readonly supports: ReadonlySet<string>
  private readonly families: ReadonlySet<string>
  /** Whether anything is refused at all. */
  readonly isAny: boolean
  private readonly mostArguments: ReadonlyMap<string, number>

  constructor(profile: Profile) {
    const upper = (list: ReadonlyArray<string>): ReadonlyArray<string> => list.map((name) => name.toUpperCase())
    this.profile = profile
    this.isAny = profile.refuses.length > 0 || profile.mostArguments !== undefined
    this.refuses = profile.refuses === "unlisted" ? undefined : new Set(upper(profile.refuses))
    this.supports = new Set(upper(profile.supports ?? []))
    this.families = new Set(Array.from(this.supports, (name) => name.split(" ")[0]))
    this.mostArguments = new Map(
      Object.entries(profile.mostArguments ?? {}).map(([name, count]) => [name.toUpperCase(), count])
    )
  }

  /** Whether a command is refused, by its words. The first two are in upper case. */
  refusal(first: string, second: string | undefined, length: number): Refusal | undefined {
    const full = second === undefined ? first : `${first} ${second}`
    const most = this.mostArguments.get(first)
    if (most !== undefined && length - 1 > most) return "arguments"
    if (this.supports.has(first) || this.supports.has(full)) return undefined
    const isFamily = this.refuses === undefined || this.refuses.has(first)
    if (!isFamily && !this.refuses.has(full)) return undefined
    if (this.profile.refusal === "noPermission") return "permission"
    return isFamily && !this.families.has(first) ? "command" : "subcommand"
  }
}

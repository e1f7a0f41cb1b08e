/**
 * The options of a simulated cluster.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Profile from "../facts/profile.ts"
import * as Version from "../facts/version.ts"
import type { VersionName } from "../facts/version.ts"
import * as Checks from "../input/checks.ts"
import { fromInput, fromText } from "../values/binary.ts"

/**
 * The options of a simulated cluster.
 *
 * **Details**
 *
 * - `version`: the server to imitate, where versions differ visibly: `"7.0"` (the default, Redis 7.0.15) or `"8.0"` (Redis
 *   8.0.2).
 * - `primaries`: the number of primaries, 3 by default. `replicas`: the number of replicas of each primary, 0 by default.
 * - `nodeTimeout`: the time after which a silent node counts as failed, 1 second by default. Half a second later a replica
 *   takes its place, if most primaries can still hear each other.
 * - `password`: the password of the default user. The client of `layer` gets it too.
 * - `requireFullCoverage`: whether a cluster without an owner for every slot refuses all commands, true by default.
 * - `availabilityZones`: the zones over which the nodes are spread, each shard's nodes in different ones as far as there are
 *   enough. The nodes tell them as Valkey 9 does: in HELLO, INFO, CLUSTER SLOTS and CLUSTER SHARDS; and CONFIG SET
 *   availability-zone changes that of a node until its restart. Without it they know of no zones, as Redis.
 * - `config`: more settings, as for CONFIG SET.
 * - `profile`: the managed service that stands in front of the servers, with its restrictions. Default none. Behind one endpoint
 *   there is one primary.
 * - `seed`: determines everything that is random: node ids, RANDOMKEY, SPOP. The same seed gives the same run. Default 1.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly version?: VersionName | undefined
  readonly primaries?: number | undefined
  readonly replicas?: number | undefined
  readonly nodeTimeout?: Duration.Input | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly requireFullCoverage?: boolean | undefined
  readonly availabilityZones?: ReadonlyArray<string> | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
  readonly seed?: number | undefined
  readonly profile?: Profile.Profile | undefined
}

const optionNames: ReadonlyArray<string> = [
  "version",
  "primaries",
  "replicas",
  "nodeTimeout",
  "password",
  "requireFullCoverage",
  "availabilityZones",
  "config",
  "seed",
  "profile"
]

/** The number of primaries where the options don't say. */
export const primariesOf = (profile: Profile.Profile | undefined): number => profile?.shape === "endpoint" ? 1 : 3

/** The options with their defaults. Throws `FakeClusterError` for invalid ones. */
export const checked = (options: Options) => {
  Checks.record("what the cluster is made with", options, [...optionNames, "client"])
  const { config = {}, password, replicas = 0, requireFullCoverage = true, seed = 1 } = options
  const profile = Profile.checked(options.profile)
  const { primaries = primariesOf(profile) } = options
  Checks.whole("primaries", primaries, 1)
  Checks.whole("replicas", replicas, 0)
  if (profile.shape === "endpoint" && primaries !== 1) {
    Checks.fail(`behind one endpoint there is one shard, and primaries is ${primaries}: leave it out`)
  }
  Checks.record("config", config)
  const settings = Object.entries(config).map(([name, value]) =>
    [name.toLowerCase(), fromInput(Checks.word(`config, at ${name},`, value))] as const
  )
  const zones = options.availabilityZones === undefined
    ? undefined
    : Checks.list("availabilityZones", options.availabilityZones).map((zone) =>
      fromInput(Checks.word("availabilityZones", zone))
    )
  if (zones?.length === 0) Checks.fail("availabilityZones is empty: give a zone at least, or leave it out")
  if (password !== undefined && !Redacted.isRedacted(password)) {
    Checks.fail("password must be Redacted: Redacted.make(\"...\")")
  }
  if (typeof requireFullCoverage !== "boolean") {
    Checks.fail(`requireFullCoverage is ${Checks.shown(requireFullCoverage)}: give true or false`)
  }
  if (!Number.isInteger(seed)) Checks.fail(`seed is ${Checks.shown(seed)}: give a whole number`)
  const nodeTimeout = Checks.millis("nodeTimeout", options.nodeTimeout === undefined ? "1 second" : options.nodeTimeout)
  const zoneOf = (index: number): string | undefined =>
    zones?.[(index % primaries + Math.floor(index / primaries)) % zones.length]
  const release = Version.named(options.version)
  return { primaries, profile, replicas, seed, nodeTimeout, version: release, settings, zoneOf }
}

const secretOf = (password: Redacted.Redacted | undefined): string => {
  if (password === undefined) return ""
  const secret: unknown = Redacted.value(password)
  return typeof secret === "string" ? fromText(secret) : Checks.fail("password holds no text")
}

/** The settings that all nodes start with. Those of `config` override others. */
export const settingsOf = (
  options: Options,
  settings: ReadonlyArray<readonly [string, string]>
): ReadonlyArray<readonly [string, string]> => [
  ["cluster-require-full-coverage", options.requireFullCoverage === false ? "no" : "yes"],
  ["requirepass", secretOf(options.password)],
  ...settings
]

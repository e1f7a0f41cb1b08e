/**
 * The options that simulated clusters and simulated servers without cluster mode share.
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import type { Settings } from "../cluster/world.ts"
import * as Profile from "../facts/profile.ts"
import * as Version from "../facts/version.ts"
import type { VersionName } from "../facts/version.ts"
import * as Checks from "../input/checks.ts"
import { fromInput, fromText } from "../values/binary.ts"

/** The options of all simulated servers. */
export interface CommonOptions {
  readonly version?: VersionName | undefined
  readonly replicas?: number | undefined
  readonly databases?: number | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly availabilityZones?: ReadonlyArray<string> | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
  readonly profile?: Profile.Profile | undefined
  readonly announces?: boolean | undefined
  readonly seed?: number | undefined
}

/** The bytes of a password; none if there is none. */
export const secretOf = (password: Redacted.Redacted | undefined, name = "password"): string => {
  if (password === undefined) return ""
  if (!Redacted.isRedacted(password)) return Checks.fail(`${name} must be Redacted: Redacted.make("...")`)
  const secret: unknown = Redacted.value(password)
  return typeof secret === "string" ? fromText(secret) : Checks.fail(`${name} holds no text`)
}

/** Checks a switch. */
export const flag = (name: string, value: unknown): boolean =>
  typeof value === "boolean" ? value : Checks.fail(`${name} is ${Checks.shown(value)}: give true or false`)

/** The number of replicas, the seed, and the settings that follow from the options. Throws `FakeClusterError` for invalid ones. */
export const checked = (
  options: CommonOptions,
  defaults: {
    readonly databases: number
    /** The number of shards, over whose nodes the zones are spread. */
    readonly shards: number
    /** The settings of CONFIG that belong to the kind of server. Those of the options override them. */
    readonly config: ReadonlyArray<readonly [string, string]>
  }
): {
  readonly replicas: number
  readonly seed: number
  readonly settings: Omit<Settings, "clustered" | "redirects">
} => {
  const { config = {}, databases = defaults.databases, password, replicas = 0, seed = 1 } = options
  Checks.whole("replicas", replicas, 0, 1000)
  Checks.whole("databases", databases, 1, 16_384)
  Checks.record("config", config)
  const given = Object.entries(config).map(([name, value]) =>
    [name.toLowerCase(), fromInput(Checks.word(`config, at ${name},`, value))] as const
  )
  const zones = options.availabilityZones === undefined
    ? undefined
    : Checks.list("availabilityZones", options.availabilityZones).map((zone) =>
      fromInput(Checks.word("availabilityZones", zone))
    )
  if (zones?.length === 0) Checks.fail("availabilityZones is empty: give a zone at least, or leave it out")
  const { shards } = defaults
  if (!Number.isInteger(seed)) Checks.fail(`seed is ${Checks.shown(seed)}: give a whole number`)
  return {
    replicas,
    seed,
    settings: {
      version: Version.named(options.version),
      nodeTimeout: 1000,
      databases,
      profile: Profile.checked(options.profile),
      announces: flag("announces", options.announces ?? false),
      zoneOf: (index) => zones?.[(index % shards + Math.floor(index / shards)) % zones.length],
      config: new Map([...defaults.config, ["requirepass", secretOf(password)], ...given])
    }
  }
}

/**
 * Which server is imitated. Where servers differ visibly, the code asks since when it is so: `since(node.version, 7.2)`.
 *
 * @since 0.1.0
 */
import * as Checks from "../input/checks.ts"

/** A server that the simulated nodes can be. */
export interface Version {
  readonly name: VersionName
  /** What it calls itself. The facts were read off this one. */
  readonly release: string
  /** Major and minor, to be compared. */
  readonly number: number
}

/**
 * The servers that the simulated nodes can imitate, by the version of Redis.
 *
 * @category configuration
 * @since 0.1.0
 */
export type VersionName = "7.0" | "8.0"

const known: Readonly<Record<VersionName, Version>> = {
  "7.0": { name: "7.0", release: "7.0.15", number: 7 },
  "8.0": { name: "8.0", release: "8.0.2", number: 8 }
}

/** The version that is imitated unless another is asked for. */
export const byDefault: Version = known["7.0"]

/** The version of this name; throws a `FakeClusterError` for one that is not imitated. */
export const named = (name: VersionName | undefined): Version => {
  if (name === undefined) return byDefault
  return Object.hasOwn(known, name) ? known[name] : Checks.fail(
    `version is ${Checks.shown(name)}, which is not imitated: give ${
      Object.keys(known).map((each) => `"${each}"`).join(" or ")
    }`
  )
}

/** The version that imitates a server, which calls itself `8.0.2`, say. Undefined: none does. */
export const imitating = (kind: "redis" | "valkey", release: string): Version | undefined =>
  kind === "redis" ? Object.values(known).find(({ name }) => release.startsWith(`${name}.`)) : undefined

/** Whether a version behaves as servers do since then. */
export const since = (version: Version, number: number): boolean => version.number >= number

/**
 * The server version that is imitated. Where versions differ visibly, the code asks for the version that made the change:
 * `since(node.version, 7.2)`.
 *
 * @since 0.1.0
 */
import * as Checks from "../input/checks.ts"

/** A server version that simulated nodes can imitate. */
export interface Version {
  readonly name: VersionName
  /** The release that the server reports. The facts were read off this one. */
  readonly release: string
  /** Major and minor version, for comparisons. */
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

/** The default version. */
export const byDefault: Version = known["7.0"]

/** The version with this name. Throws a `FakeClusterError` if it can't be imitated. */
export const named = (name: VersionName | undefined): Version => {
  if (name === undefined) return byDefault
  return Object.hasOwn(known, name) ? known[name] : Checks.fail(
    `version is ${Checks.shown(name)}, which is not imitated: give ${
      Object.keys(known).map((each) => `"${each}"`).join(" or ")
    }`
  )
}

/** The version that imitates a server that reports the given release, such as `8.0.2`; undefined if there is none. */
export const imitating = (kind: "redis" | "valkey", release: string): Version | undefined =>
  kind === "redis" ? Object.values(known).find(({ name }) => release.startsWith(`${name}.`)) : undefined

/** Whether a version is at least the given one, and so behaves as servers do since then. */
export const since = (version: Version, number: number): boolean => version.number >= number

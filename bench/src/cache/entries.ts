/** What is read through the caches: texts of 100 bytes, and hashes of 20 fields. */
import { send } from "../cluster/wire.ts"
import type { Servers } from "./servers.ts"

export type Kind = "text" | "hash"

/** Reads of keys in turn, by so many loops at the same time. */
export interface Work {
  readonly kind: Kind
  readonly loops: number
  /** The number of the first key, and how many keys there are. With more reads than keys, they come again. */
  readonly first: number
  readonly keys: number
}

const fields = Array.from({ length: 20 }, (_, n) => `field:${n}`)

const keyOf = (kind: Kind, n: number): string => `${kind}:${n}`

export const textOf = (key: string): string => `${key}=`.padEnd(100, "x")

/** A field that is looked at, and what it has to be. */
export const probe = fields[7]
export const probed = (key: string): string => `${key}=`.padEnd(20, "7")

/**
 * The key of the n-th read. A few keys are made beforehand; many are made when they are read, so that the process keeps only those
 * that the client keeps.
 */
export const keysOf = ({ first, keys, kind }: Work): (n: number) => string => {
  if (keys > 10_000) return (n) => keyOf(kind, first + n % keys)
  const made = Array.from({ length: keys }, (_, n) => keyOf(kind, first + n))
  return (n) => made[n % keys]
}

const writeOf = (kind: Kind, key: string): ReadonlyArray<string> =>
  kind === "text" ? ["SET", key, textOf(key)] : ["HSET", key, ...fields.flatMap((field) => [field, probed(key)])]

const atOnce = 20_000

/** Writes the keys to the nodes, over connections of their own. */
export const write = async ({ ownerOf, ports }: Servers, { first, keys, kind }: Omit<Work, "loops">): Promise<void> => {
  for (let from = first; from < first + keys; from += atOnce) {
    const commands: ReadonlyArray<Array<ReadonlyArray<string>>> = ports.map(() => [])
    for (let n = from; n < Math.min(from + atOnce, first + keys); n++) {
      const key = keyOf(kind, n)
      commands[ownerOf(key)].push(writeOf(kind, key))
    }
    await Promise.all(ports.map(async (port, node) => {
      const wrong = (await send(port, commands[node])).find((reply) => !/^(OK|\d+)$/.test(reply))
      if (wrong !== undefined) throw new Error(`127.0.0.1:${port}: ${wrong}`)
    }))
  }
}

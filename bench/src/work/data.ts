/** The number of keys by the size of their values in bytes. There are few large ones, so that servers stay small. */
const counts = { 100: 1000, 10_000: 300, 1_000_000: 12 } as const

export type Size = keyof typeof counts

export const sizes: ReadonlyArray<Size> = [100, 10_000, 1_000_000]

/** Keys and their values. A key keeps the same value at all times: every write stores the value that is already there. */
export interface Data {
  readonly keys: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>
}

const alphabet = "abcdefghijklmnopqrstuvwxyz"

/** Makes a unique value. It is made from a buffer, since a concatenated string would be flattened on its first use. */
const valueOf = (key: string, size: Size): string => {
  const bytes = Buffer.alloc(size, alphabet)
  bytes.write(`${key}=`, "latin1")
  return bytes.toString("latin1")
}

const made = new Map<Size, Data>()

/** Made on first use, so that a process contains only the values that it works with. */
export const dataOf = (size: Size): Data => {
  let data = made.get(size)
  if (data === undefined) {
    const keys = Array.from({ length: counts[size] }, (_, index) => `key:${size}:${index}`)
    data = { keys, values: keys.map((key) => valueOf(key, size)) }
    made.set(size, data)
  }
  return data
}

/** The index of the key for a loop's n-th command. Neighbours are on different nodes, and all keys get their turn. */
export const indexOf = ({ keys }: Data, loop: number, n: number): number => (loop * 61 + n) % keys.length

export type Operation = "get" | "set" | "mixed"

/** Whether a loop's n-th command is a SET. Among mixed commands, one in five is. */
export const isWrite = (operation: Operation, loop: number, n: number): boolean =>
  operation === "set" || (operation === "mixed" && (loop + n) % 5 === 0)

/** Whether to check a reply. Checking all of them would be measured with the clients. */
export const isSampled = (loop: number, n: number): boolean => (loop + n) % 49 === 0

const excerpt = (reply: unknown): string => `${JSON.stringify(reply)}`.slice(0, 100)

export const checkReply = ({ keys, values }: Data, write: boolean, index: number, reply: unknown): void => {
  const expected = write ? "OK" : values[index]
  if (reply !== expected) throw new Error(`${write ? "SET" : "GET"} ${keys[index]} replied ${excerpt(reply)}`)
}

/** The indexes of the keys for a batch of `count` commands. */
export const batchOf = (data: Data, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, n) => indexOf(data, 0, n))

export const checkReplies = (
  data: Data,
  write: boolean,
  indexes: ReadonlyArray<number>,
  replies: ReadonlyArray<unknown>
): void => {
  if (replies.length !== indexes.length) throw new Error(`${indexes.length} commands, ${replies.length} replies`)
  for (let n = 0; n < replies.length; n++) if (isSampled(0, n)) checkReply(data, write, indexes[n], replies[n])
}

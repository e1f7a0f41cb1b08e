const count = 1000

export const keys: ReadonlyArray<string> = Array.from({ length: count }, (_, index) => `bench:${index}`)

/** 100 bytes each, no two the same. */
export const values: ReadonlyArray<string> = keys.map((key) => `${key}=`.padEnd(100, "abcdefghijklmnopqrstuvwxyz"))

/** Which key a loop takes for its n-th command: neighbours are on different nodes, and all keys get their turn. */
export const indexOf = (loop: number, n: number): number => (loop * 61 + n) % count

/** Whether a reply is looked at. To look at all would be measured with the clients. */
export const isSampled = (loop: number, n: number): boolean => (loop + n) % 50 === 0

export const checkReply = (operation: "get" | "set", index: number, reply: unknown): void => {
  const expected = operation === "get" ? values[index] : "OK"
  if (reply !== expected) throw new Error(`${operation} ${keys[index]} replied ${JSON.stringify(reply)}`)
}

/** The keys of a batch, by their indexes. */
export const batch: ReadonlyArray<number> = Array.from({ length: 10_000 }, (_, n) => indexOf(0, n))

export const checkReplies = (operation: "get" | "set", replies: ReadonlyArray<unknown>): void => {
  for (let n = 0; n < replies.length; n++) if (isSampled(0, n)) checkReply(operation, batch[n], replies[n])
}

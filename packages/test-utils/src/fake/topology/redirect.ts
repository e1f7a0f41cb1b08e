/**
 * Decides whether a node serves a command or redirects its client. This is the decision of `getNodeByQuery` in the server's
 * cluster.c, as a function of facts.
 *
 * @since 0.1.0
 */

/** The address of a node. */
export interface Endpoint {
  readonly id: string
  readonly host: string
  readonly port: number
}

/** What the node knows about a slot, which decides how it answers. */
export interface SlotFacts {
  readonly owner: Endpoint | undefined
  /** The node to which this node is moving the slot, if it is. */
  readonly migratingTo: Endpoint | undefined
  /** Whether the node is taking the slot over from another. */
  readonly importing: boolean
}

/** What a node knows about itself, which decides how it answers. */
export interface NodeFacts {
  readonly id: string
  readonly isReplica: boolean
  /** The id of its primary, if it is a replica. */
  readonly primary: string | undefined
  readonly clusterOk: boolean
  readonly readsWhenDown: boolean
  readonly shardedPubSubWhenDown: boolean
  readonly slot: (slot: number) => SlotFacts
  readonly hasKey: (key: string, database: number) => boolean
}

/** The request: one command, or all commands of a transaction at EXEC. */
export interface Question {
  /** The keys of all the commands, each with its slot and the database in which it is looked for. */
  readonly keys: ReadonlyArray<{ readonly key: string; readonly slot: number; readonly database: number }>
  readonly write: boolean
  /** Whether it is SSUBSCRIBE or SPUBLISH, or SUNSUBSCRIBE before Redis 8. */
  readonly shardedPubSub: boolean
  readonly migrate: boolean
  /** Whether the client has just sent ASKING, or the command implies it. */
  readonly asking: boolean
  /** Whether the client has sent READONLY. */
  readonly readOnly: boolean
}

/** Serve the command here, or send this reply instead. */
export type Decision =
  | { readonly _tag: "Serve" }
  | {
    readonly _tag: "Refuse"
    readonly kind: "Moved" | "Ask" | "TryAgain" | "CrossSlot" | "Unbound" | "Down" | "DownReadOnly"
    readonly text: string
  }

const serve: Decision = { _tag: "Serve" }

const refusals = {
  TryAgain: "TRYAGAIN Multiple keys request during rehashing of slot",
  CrossSlot: "CROSSSLOT Keys in request don't hash to the same slot",
  Unbound: "CLUSTERDOWN Hash slot not served",
  Down: "CLUSTERDOWN The cluster is down",
  DownReadOnly: "CLUSTERDOWN The cluster is down and only accepts read commands"
} as const

const refuse = (kind: keyof typeof refusals): Decision => ({ _tag: "Refuse", kind, text: refusals[kind] })

const redirect = (kind: "Moved" | "Ask", slot: number, { host, port }: Endpoint): Decision => ({
  _tag: "Refuse",
  kind,
  text: `${kind === "Moved" ? "MOVED" : "ASK"} ${slot} ${host}:${port}`
})

/** Makes the checks in the server's own order. */
export const decide = (question: Question, node: NodeFacts): Decision => {
  const { keys } = question
  if (keys.length === 0) return serve
  const [{ key: firstKey, slot }] = keys
  const { importing, migratingTo, owner } = node.slot(slot)
  if (owner === undefined) return refuse("Unbound")
  const mine = owner.id === node.id
  const migrating = mine && migratingTo !== undefined
  const open = migrating || importing
  let severalKeys = false
  for (const { key, slot: other } of keys) {
    if (other !== slot) return refuse("CrossSlot")
    if (key !== firstKey) severalKeys = true
  }
  if (!node.clusterOk) {
    if (question.shardedPubSub) {
      if (!node.shardedPubSubWhenDown) return refuse("Down")
    } else if (!node.readsWhenDown) {
      return refuse("Down")
    } else if (question.write) {
      return refuse("DownReadOnly")
    }
  }
  if (open && question.migrate) return serve
  if (open && !question.shardedPubSub) {
    const missing = keys.filter(({ database, key }) => !node.hasKey(key, database)).length
    if (migrating && missing > 0) {
      return missing < keys.length ? refuse("TryAgain") : redirect("Ask", slot, migratingTo)
    }
    if (importing && !migrating && question.asking) return severalKeys && missing > 0 ? refuse("TryAgain") : serve
  } else if (importing && !migrating && question.asking) {
    return serve
  }
  if (mine) return serve
  const readsHere = question.readOnly || question.shardedPubSub
  if (readsHere && node.isReplica && node.primary === owner.id && !question.write) return serve
  return redirect("Moved", slot, owner)
}

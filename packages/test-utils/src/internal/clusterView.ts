/** The view that one node has of the cluster, and whether all views agree. */

export interface Known {
  readonly id: string
  readonly isMyself: boolean
  readonly isPrimary: boolean
  readonly primary: string | undefined
  readonly health: "ok" | "suspected" | "failed" | "unmet"
  readonly isConnected: boolean
  readonly epoch: number
  readonly slots: ReadonlyArray<readonly [first: number, last: number]>
}

export interface View {
  /** The node whose view it is. */
  readonly name: string
  readonly state: string
  readonly nodes: ReadonlyArray<Known>
  /** Whether the node is a primary, or a replica that is connected to its primary. */
  readonly isInSync: boolean
}

export interface Member {
  readonly name: string
  readonly id: string
  readonly isRunning: boolean
}

export const slotCount = 16384

/** Parses a reply of CLUSTER NODES. */
export const parseNodes = (text: string): ReadonlyArray<Known> =>
  text.split("\n").filter((line) => line !== "").map((line) => {
    const [id, _address, flagText, primary, _ping, _pong, epoch, link, ...slots] = line.trim().split(" ")
    const flags = flagText.split(",")
    return {
      id,
      isMyself: flags.includes("myself"),
      isPrimary: flags.includes("master"),
      primary: primary === "-" ? undefined : primary,
      health: flags.includes("handshake") || flags.includes("noaddr")
        ? "unmet"
        : flags.includes("fail")
        ? "failed"
        : flags.includes("fail?")
        ? "suspected"
        : "ok",
      isConnected: link === "connected",
      epoch: Number(epoch),
      // Brackets mark a slot that is being migrated. Its owner also lists it without brackets.
      slots: slots.filter((slot) => !slot.startsWith("[")).map((slot) => {
        const [first, last = first] = slot.split("-").map(Number)
        return [first, last] as const
      })
    }
  })

export const countSlots = (slots: Known["slots"]): number =>
  slots.reduce((sum, [first, last]) => sum + last - first + 1, 0)

const layoutOf = (view: View): string =>
  view.nodes
    .map(({ id, isPrimary, primary, slots }) => `${id} ${isPrimary ? "primary" : primary} ${slots.join(" ")}`)
    .sort()
    .join("\n")

const doubtsOf = (view: View, members: ReadonlyArray<Member>): string | undefined => {
  const { name } = view
  for (const { id, isRunning, name: other } of members) {
    const known = view.nodes.find((node) => node.id === id)
    if (known === undefined || known.health === "unmet") return `${name} does not know ${other} yet`
    if (isRunning && known.health !== "ok") return `${name} takes ${other} for failed`
    if (isRunning && !known.isMyself && !known.isConnected) return `${name} has no link to ${other}`
    if (!isRunning && known.health !== "failed") return `${name} has not noticed that ${other} is gone`
  }
  if (view.nodes.length > members.length) return `${name} still knows a node that was removed`
  const assigned = view.nodes.reduce((sum, node) => sum + countSlots(node.slots), 0)
  if (assigned < slotCount) return `${name} knows of no owner for ${slotCount - assigned} slots`
  if (view.state !== "ok") return `${name} says that the cluster is in state "${view.state}"`
  return view.isInSync ? undefined : `${name} is not in sync with its primary`
}

/** The reason why the cluster is not stable, as one node sees it; `undefined` if it is stable. */
export const unrest = (views: ReadonlyArray<View>, members: ReadonlyArray<Member>): string | undefined => {
  for (const view of views) {
    const doubts = doubtsOf(view, members)
    if (doubts !== undefined) return doubts
  }
  const different = views.find((view) => layoutOf(view) !== layoutOf(views[0]))
  return different === undefined ? undefined : `${different.name} and ${views[0].name} disagree about the layout`
}

/** The owner of a slot: the primary that claims it for itself. */
export const claimant = (views: ReadonlyArray<View>, slot: number): Known | undefined => {
  let owner: Known | undefined
  for (const view of views) {
    const self = view.nodes.find((node) => node.isMyself)
    const claims = self?.isPrimary === true && self.slots.some(([first, last]) => first <= slot && slot <= last)
    // During a failover or a migration two nodes may claim a slot. The later epoch wins.
    if (self !== undefined && claims && (owner === undefined || self.epoch > owner.epoch)) owner = self
  }
  return owner
}

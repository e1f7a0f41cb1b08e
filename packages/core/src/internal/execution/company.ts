/**
 * The parts of a command, which take room as one command at each node (`failWhenFull`): once a node has taken one of them, it takes
 * the others as well. Otherwise no client could ever read more keys at once than `maxInFlight`.
 */
export class Company {
  private readonly nodes = new Set<string>()
  private asked: string | undefined

  hasRoomAt(node: string): boolean {
    this.asked = node
    return this.nodes.has(node)
  }

  /** The node that was asked last has taken a part. */
  taken(): void {
    if (this.asked !== undefined) this.nodes.add(this.asked)
  }
}

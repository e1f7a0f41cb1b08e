/**
 * What sentinels make servers do. Each order ends the connections of their clients, so that these ask anew.
 *
 * @since 0.1.0
 */
import type { FakeNode } from "../cluster/node.ts"
import { changeRoles } from "../cluster/replication.ts"
import type { Instance } from "./instance.ts"
import type { Observer } from "./observer.ts"

/** REPLICAOF, and CLIENT KILL of all who are no replicas. */
const order = ({ world }: Observer, node: FakeNode, primary: FakeNode | undefined): void => {
  changeRoles(world, new Map([[node, primary?.first]]))
  for (const session of Array.from(node.sessions)) {
    session.drop("the node closed the connection (a sentinel's CLIENT KILL)")
  }
}

/** Makes a server a replica of another. */
export const follow = (watch: Observer, { node }: Instance, primary: FakeNode): void => order(watch, node, primary)

/** Makes a replica a primary. */
export const promote = (watch: Observer, { node }: Instance): void => order(watch, node, undefined)

/**
 * Commands that servers refuse in one of their modes.
 *
 * @since 0.1.0
 */
import { CommandError } from "../values/commandError.ts"
import type { Definition, Group } from "./handler.ts"

/**
 * Refuses commands on a server without cluster mode, when they would be executed. With `orRedirects`, not on one that redirects to
 * its primary.
 */
export const onlyInCluster = (group: Group, orRedirects: "orRedirects" | undefined = undefined): Group =>
  Object.fromEntries(
    Object.entries(group).map(([name, definition]) => [
      name,
      {
        ...definition,
        run: (invocation) => {
          const { isClustered, redirects } = invocation.node
          if (isClustered || (redirects && orRedirects !== undefined)) return definition.run(invocation)
          throw new CommandError("ERR This instance has cluster support disabled")
        }
      } satisfies Definition
    ])
  )

/** Refuses a command on a server in cluster mode. */
export const notInCluster = (problem: string, definition: Definition): Definition => ({
  ...definition,
  run: (invocation) => {
    if (invocation.node.isClustered) throw new CommandError(problem)
    return definition.run(invocation)
  }
})

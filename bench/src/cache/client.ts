/** A client in a process of its own, as its parent sees it. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Work } from "./entries.ts"
import type { Cache, Nodes, ReaderName } from "./readers.ts"
import type { Answer, Figures, Request } from "./worker.ts"

export interface Client {
  readonly once: (work: Work) => Promise<Figures>
  readonly during: (work: Work, seconds: number) => Promise<Figures>
  readonly memory: () => Promise<Figures>
  /** In microseconds. */
  readonly processor: () => Promise<number>
}

const file = fileURLToPath(new URL("worker.ts", import.meta.url))

/** In milliseconds. What takes longer is stuck. */
const patience = 120_000

/** Opens a client in a process, and ends that in the end. A problem of the client becomes an Error. */
export const withClient = async <A>(
  reader: ReaderName,
  nodes: Nodes,
  cache: Cache | undefined,
  use: (client: Client) => Promise<A>
): Promise<A> => {
  const child = fork(file, { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const ask = (request: Request): Promise<Figures> =>
    new Promise((resolve, reject) => {
      const fail = (problem: string) => reject(new Error(`${reader}: ${problem}`))
      const timer = setTimeout(() => fail(`took longer than ${patience / 1000} s`), patience)
      const onExit = (code: number | null) => fail(`ended with ${code}`)
      child.once("exit", onExit)
      child.once("message", (message) => {
        clearTimeout(timer)
        child.off("exit", onExit)
        const answer = message as Answer
        if ("problem" in answer) fail(answer.problem)
        else resolve(answer.figures)
      })
      child.send(request)
    })
  try {
    await ask({ _tag: "Open", reader, nodes, cache })
    return await use({
      once: (work) => ask({ _tag: "Once", work }),
      during: (work, seconds) => ask({ _tag: "During", work, seconds }),
      memory: () => ask({ _tag: "Memory" }),
      processor: async () => (await ask({ _tag: "Processor" })).processor
    })
  } finally {
    child.kill("SIGKILL")
  }
}

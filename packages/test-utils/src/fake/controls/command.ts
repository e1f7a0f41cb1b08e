/**
 * Commands that the test sends to one node directly, without the client.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import * as Effect from "effect/Effect"
import type { FakeNode } from "../cluster/node.ts"
import * as Checks from "../input/checks.ts"
import { FakeClusterError } from "../input/fakeClusterError.ts"

/** The words of a command as they are sent. Throws `FakeClusterError` for invalid arguments. */
export const wordsOf = (name: string, args: ReadonlyArray<unknown>): ReadonlyArray<string | Uint8Array> => {
  if (typeof name !== "string" || name === "") {
    Checks.fail(`the name of the command is ${Checks.shown(name)}: give a text, such as "GET"`)
  }
  return [
    name,
    ...Checks.list(`the arguments of ${name}`, args).map((arg) => Checks.word(`an argument of ${name}`, arg))
  ]
}

/** Sends a command over a connection of its own. Fails on an error reply. */
export const sendTo = (node: FakeNode, words: ReadonlyArray<string | Uint8Array>) =>
  Effect.callback<Resp.Value, FakeClusterError>((resume) => {
    const failed = (problem: string) => resume(Effect.fail(new FakeClusterError({ problem })))
    if (node.process !== "running") return failed(`${node.name} is ${node.process}, so ${words[0]} can't be sent to it`)
    const decoder = new Resp.Decoder({
      wantsBytes: () => false,
      onReply: (value) => {
        session.hangUp()
        if (value instanceof Resp.ReplyError) failed(`${node.name} answered ${words[0]} with: ${value.message}`)
        else resume(Effect.succeed(value))
      },
      onPush: () => {}
    })
    const session = node.connect({
      address: "127.0.0.1:1",
      onData: (bytes) => decoder.push(bytes),
      onClose: (problem) => failed(`${node.name} did not answer ${words[0]}: ${problem}`)
    })
    session.user = node.users.get("default")
    session.protocol = 3
    const encoder = new Resp.Encoder()
    const [name, ...args] = words
    encoder.command(Resp.head(String(name)), args)
    for (const chunk of encoder.take()) session.receive(chunk)
    return Effect.sync(() => session.hangUp())
  })

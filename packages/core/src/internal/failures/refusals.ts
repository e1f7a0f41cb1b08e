/**
 * Decides whether an error reply proves that a command did nothing. For most commands every error does. But a script may have
 * written before it failed, and it chooses the text of its error, even `MOVED`; so for scripts the whole text is compared, not
 * the code. Texts are those of Redis 7.0 to 8.0 and Valkey 8.1 to 9.1.
 */
import type * as Command from "../../Command.ts"
import { slotOf } from "../commands/keySlot.ts"

/** Errors that a node replies before it begins with any command. */
const refusals: ReadonlyArray<RegExp> = [
  /^ERR unknown (sub)?command ['`]/i,
  /^NO(AUTH Authentication|PERM .*\bno permissions to) /i,
  /^LOADING \S+ is loading the dataset\b/,
  /^BUSY \S+ is busy running /,
  /^MASTERDOWN Link with /,
  /^CLUSTERDOWN (The cluster is down|Hash slot not served)/,
  /^CROSSSLOT Keys in request don't hash to the same slot\b/,
  /^TRYAGAIN Multiple keys request during rehashing of slot\b/,
  /^OOM command not allowed when used memory > 'maxmemory'/
]

/** Errors that a node replies before it begins with a script or a function. */
const notBegun: ReadonlyArray<RegExp> = [
  /^ERR Error compiling script /,
  /^ERR (Unexpected engine|Unexpected flag|Invalid engine) in script shebang|^ERR (Invalid script|Unknown lua) shebang/,
  /^ERR Could not find scripting engine /,
  /^ERR Can not (run|execute a) script /,
  /^ERR Function not found$/,
  /^ERR (Number of keys can't be |Bad number of keys provided)/,
  /^MISCONF \S+ is configured to save RDB snapshots/,
  /^NOREPLICAS Not enough good replicas to write\b/
]

/** A replica refuses every write, so a script that failed with this error has not written before either. */
const readOnly = /^READONLY You can't write against a read only replica\b/

const unknownScript = /^NOSCRIPT No matching script\b/

/** Servers append this to an error that was raised while a script ran. */
const raised = / script: \S/

const redirect = /^(?:MOVED|ASK) (\d+) \S*$/

/** Of a replica without cluster mode, which executes no script before. */
const elsewhere = /^REDIRECT \S+$/

/** Whether the text redirects the command itself: a redirect for another slot comes from inside the script. */
const redirects = (command: Command.Any, text: string): boolean => {
  const slot = redirect.exec(text)?.[1]
  return slot !== undefined && slotOf(command) === Number(slot)
}

/** Whether this command itself has the wrong number of arguments, and not a command inside its script. */
const isArity = ({ spec }: Command.Any, text: string): boolean =>
  text.startsWith(`ERR wrong number of arguments for '${spec.name.toLowerCase().replace(" ", "|")}'`)

const says = (texts: ReadonlyArray<RegExp>, text: string): boolean => texts.some((one) => one.test(text))

const isNotBegun = (command: Command.Any, text: string): boolean =>
  readOnly.test(text) || elsewhere.test(text) || redirects(command, text) ||
  !raised.test(text) && (isArity(command, text) || says(refusals, text) || says(notBegun, text))

/** Whether an error reply to a command proves that no part of the command was executed. */
export const isRefusal = (command: Command.Any, code: string, text: string): boolean => {
  switch (command.spec.partial) {
    case undefined:
      return true
    case "Pieces":
      return code === "MOVED" || code === "ASK" || code === "REDIRECT" || isArity(command, text) ||
        readOnly.test(text) || says(refusals, text)
    case "Digest":
      return unknownScript.test(text) || isNotBegun(command, text)
    case "Script":
      return isNotBegun(command, text)
  }
}

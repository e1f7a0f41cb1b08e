/**
 * Users and their permissions, by the rules of ACL SETUSER.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
 *
 * @since 0.1.0
 */
import { categories, factsOf } from "../facts/commandTable.ts"
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"
import { sha256 } from "../values/digest.ts"
import * as Glob from "../values/glob.ts"

interface KeyPattern {
  readonly pattern: Bin
  readonly read: boolean
  readonly write: boolean
}

/** The permissions that a command needs. */
export interface Need {
  /** The name of the command: `GET`, `CONFIG SET`. */
  readonly command: string
  readonly keys: ReadonlyArray<Bin>
  readonly write: boolean
  /** Channels, or with `literal` patterns, which have to be allowed literally. */
  readonly channels: ReadonlyArray<{ readonly name: Bin; readonly literal: boolean }>
}

class RuleError extends Error {}

const aclName = (name: string): string => name.toLowerCase().replace(" ", "|")

/** A set of permissions. A user has one, and any number of selectors. */
class Selector {
  commands: Array<string> = ["-@all"]
  keys: Array<KeyPattern> = []
  channels: Array<Bin> = []
  private readonly verdicts = new Map<string, boolean>()
  private readonly version: Version

  constructor(version: Version) {
    this.version = version
  }

  apply(rule: Bin): void {
    const lower = rule.toLowerCase()
    this.verdicts.clear()
    if (lower === "allkeys" || rule === "~*") this.keys = [{ pattern: "*", read: true, write: true }]
    else if (lower === "resetkeys") this.keys = []
    else if (lower === "allchannels" || rule === "&*") this.channels = ["*"]
    else if (lower === "resetchannels") this.channels = []
    else if (lower === "allcommands") this.command("+@all")
    else if (lower === "nocommands") this.command("-@all")
    else if (rule[0] === "~") this.key(rule.slice(1), true, true)
    else if (rule[0] === "%") {
      const [, letters, pattern] = /^%([rwRW]+)~([\s\S]*)$/.exec(rule) ?? []
      if (letters === undefined) throw new RuleError("Syntax error")
      this.key(pattern, /r/i.test(letters), /w/i.test(letters))
    } else if (rule[0] === "&") {
      if (this.channels.includes("*")) {
        throw new RuleError(
          "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
        )
      }
      this.channels.push(rule.slice(1))
    } else if (rule[0] === "+" || rule[0] === "-") this.command(lower)
    else throw new RuleError("Syntax error")
  }

  allowsCommand(name: string): boolean {
    const known = this.verdicts.get(name)
    if (known !== undefined) return known
    const groups = factsOf(name, this.version)?.categories
    const full = aclName(name)
    const container = full.split("|")[0]
    let allowed = false
    for (const rule of this.commands) {
      const target = rule.slice(1)
      const applies = target === "@all" || target === full || target === container ||
        (target[0] === "@" && groups?.has(target.slice(1)) === true)
      if (applies) allowed = rule[0] === "+"
    }
    this.verdicts.set(name, allowed)
    return allowed
  }

  allowsKey(key: Bin, write: boolean): boolean {
    return this.keys.some((entry) => (write ? entry.write : entry.read) && Glob.matches(entry.pattern, key))
  }

  allowsChannel(name: Bin, literal: boolean): boolean {
    return this.channels.some((pattern) =>
      pattern === "*" || (literal ? pattern === name : Glob.matches(pattern, name))
    )
  }

  /** The missing permission, or undefined. */
  refuses(need: Need): "command" | "key" | "channel" | undefined {
    if (!this.allowsCommand(need.command)) return "command"
    if (!need.keys.every((key) => this.allowsKey(key, need.write))) return "key"
    if (!need.channels.every(({ literal, name }) => this.allowsChannel(name, literal))) return "channel"
    return undefined
  }

  get keyText(): Bin {
    return this.keys.map(({ pattern, read, write }) => `${read && write ? "" : read ? "%R" : "%W"}~${pattern}`).join(
      " "
    )
  }

  get channelText(): Bin {
    return this.channels.map((pattern) => `&${pattern}`).join(" ")
  }

  get commandText(): string {
    return this.commands.join(" ")
  }

  get line(): Bin {
    const channels = this.channels.includes("*") ? "&*" : `resetchannels ${this.channelText}`.trimEnd()
    return [this.keyText, channels, this.commandText].filter((part) => part !== "").join(" ")
  }

  clone(): Selector {
    const copy = new Selector(this.version)
    copy.commands = this.commands.slice()
    copy.keys = this.keys.slice()
    copy.channels = this.channels.slice()
    return copy
  }

  private key(pattern: Bin, read: boolean, write: boolean): void {
    if (this.keys.some((entry) => entry.pattern === "*" && entry.read && entry.write)) {
      throw new RuleError(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
      )
    }
    this.keys = this.keys.filter((entry) => entry.pattern !== pattern)
    this.keys.push({ pattern, read, write })
  }

  private command(rule: string): void {
    const target = rule.slice(1)
    if (target === "@all") {
      this.commands = [rule]
      return
    }
    const known = target[0] === "@"
      ? categories.includes(target.slice(1))
      : factsOf(target.toUpperCase().replace("|", " "), this.version) !== undefined
    if (!known) throw new RuleError("Unknown command or category name in ACL")
    this.commands = this.commands.filter((other) => other.slice(1) !== target)
    this.commands.push(rule)
  }
}

const refusalsSince72 = {
  key: "NOPERM No permissions to access a key",
  channel: "NOPERM No permissions to access a channel"
} as const

const refusalTexts = {
  key: "NOPERM this user has no permissions to access one of the keys used as arguments",
  channel: "NOPERM this user has no permissions to access one of the channels used as arguments"
} as const

/** The error for a command that a user may not run. */
export const forbidden = (command: string, user: Bin, version: Version): string =>
  `NOPERM ${since(version, 7.2) ? `User ${user}` : "this user"} has no permissions to run the '${
    aclName(command)
  }' command`

export class User {
  readonly name: Bin
  private readonly version: Version
  enabled = false
  nopass = false
  /** Shown, but without effect. */
  payload: string | undefined
  readonly passwords = new Set<string>()
  root: Selector
  selectors: Array<Selector> = []

  constructor(name: Bin, version: Version) {
    this.name = name
    this.version = version
    this.root = new Selector(version)
  }

  /** Applies rules of ACL SETUSER: all of them, or none if one is invalid. */
  apply(rules: ReadonlyArray<Bin>): void {
    const draft = this.clone()
    for (const rule of joinSelectors(rules)) {
      try {
        draft.rule(rule)
      } catch (problem) {
        if (!(problem instanceof RuleError)) throw problem
        throw new CommandError(`ERR Error in ACL SETUSER modifier '${rule}': ${problem.message}`)
      }
    }
    this.adopt(draft)
  }

  accepts(password: Bin): boolean {
    return this.enabled && (this.nopass || this.passwords.has(sha256(password)))
  }

  /** The NOPERM text for a missing permission, or undefined. */
  refusal(need: Need): string | undefined {
    let worst: "command" | "key" | "channel" = "command"
    for (const selector of [this.root, ...this.selectors]) {
      const refused = selector.refuses(need)
      if (refused === undefined) return undefined
      if (refused !== "command") worst = refused
    }
    if (worst === "command") return forbidden(need.command, this.name, this.version)
    return since(this.version, 7.2) ? refusalsSince72[worst] : refusalTexts[worst]
  }

  get flags(): ReadonlyArray<string> {
    return [
      this.enabled ? "on" : "off",
      ...(this.nopass ? ["nopass"] : []),
      ...(this.payload === undefined ? [] : [this.payload])
    ]
  }

  /** The user as a line of ACL LIST. */
  get line(): Bin {
    const passwords = [...this.passwords].map((hash) => `#${hash}`)
    const selectors = this.selectors.map((selector) => `(${selector.line})`)
    return ["user", this.name, ...this.flags, ...passwords, this.root.line, ...selectors].join(" ")
  }

  private rule(rule: Bin): void {
    const lower = rule.toLowerCase()
    if (lower === "on") this.enabled = true
    else if (lower === "off") this.enabled = false
    else if (lower === "nopass") {
      this.nopass = true
      this.passwords.clear()
    } else if (lower === "resetpass") {
      this.nopass = false
      this.passwords.clear()
    } else if (lower === "reset") {
      this.adopt(new User(this.name, this.version))
      this.payload = "sanitize-payload"
    } else if (lower === "clearselectors") this.selectors = []
    else if (lower === "sanitize-payload" || lower === "skip-sanitize-payload") this.payload = lower
    else if (rule[0] === ">" || rule[0] === "#") {
      const hash = rule[0] === ">" ? sha256(rule.slice(1)) : rule.slice(1)
      if (!/^[0-9a-f]{64}$/.test(hash)) {
        throw new RuleError(
          "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
        )
      }
      this.passwords.add(hash)
      this.nopass = false
    } else if (rule[0] === "<" || rule[0] === "!") {
      const hash = rule[0] === "<" ? sha256(rule.slice(1)) : rule.slice(1)
      if (!this.passwords.delete(hash)) {
        throw new RuleError("The password you are trying to remove from the user does not exist")
      }
    } else if (rule[0] === "(") {
      const selector = new Selector(this.version)
      for (const part of rule.slice(1, -1).split(" ")) if (part !== "") selector.apply(part)
      this.selectors.push(selector)
    } else this.root.apply(rule)
  }

  private clone(): User {
    const copy = new User(this.name, this.version)
    copy.adopt(this)
    return copy
  }

  private adopt(other: User): void {
    this.enabled = other.enabled
    this.nopass = other.nopass
    this.payload = other.payload
    const passwords = [...other.passwords]
    this.passwords.clear()
    for (const hash of passwords) this.passwords.add(hash)
    this.root = other.root.clone()
    this.selectors = other.selectors.map((selector) => selector.clone())
  }
}

/** Joins selectors that come in several arguments: `(+get`, `~a)`. */
const joinSelectors = (rules: ReadonlyArray<Bin>): ReadonlyArray<Bin> => {
  const joined: Array<Bin> = []
  let open: Bin | undefined
  for (const rule of rules) {
    if (open !== undefined) open += ` ${rule}`
    else if (rule[0] === "(") open = rule
    else joined.push(rule)
    if (open?.endsWith(")") === true) {
      joined.push(open)
      open = undefined
    }
  }
  if (open !== undefined) {
    throw new CommandError(`ERR Unmatched parenthesis in acl selector starting at '${open.split(" ")[0]}'.`)
  }
  return joined
}

/** The user of a connection before AUTH. */
export const defaultUser = (password: Bin | undefined, version: Version): User => {
  const user = new User("default", version)
  user.apply(["on", password === undefined ? "nopass" : `>${password}`, "~*", "&*", "+@all"])
  return user
}

/**
 * Removes a command's arguments, which may be secrets, from the text of an error. A server may repeat an argument whole, cut
 * off, in part between quotes, or as a number formatted anew. The server's own words stay.
 */
import type * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"

/** Replaces an argument. */
const mask = "<argument>"

/** Words of the servers' own error texts, and of Lua. They are never masked, even if an argument is the same word. */
const vocabulary = new Set(
  `wrongtype operation against a key holding the wrong kind of value err no such syntax error source and destination objects
  are the same index out range is not an integer or valid float increment decrement would overflow produce nan infinity hash
  min max string item weight resulting score number xx nx gt lt options at time compatible option supports single element pair
  invalid expire in command timeout negative bit offset exceeds maximum allowed size proto bulk len db bitop must be called
  with unsupported unit provided please use cursor arguments for keys can t greater than args unknown subcommand try help
  limit numkeys should least input needed count stream id specified as argument xadd equal smaller target top consumer group
  xreadgroup nogroup busygroup name already exists xgroup requires to exist note that create you may want mkstream empty
  automatically busykey bad data format dump payload version checksum ttl noscript matching script eval busy redis running
  only call kill shutdown nosave notbusy scripts execution right now oom when used memory maxmemory misconf configured save
  rdb snapshots but it s currently unable persist on disk commands modify set disabled because this instance check logs
  details about readonly write read replica slave noreplicas enough good replicas noauth authentication required wrongpass
  username password user noperm has permissions run access channel without any default sure your configuration correct
  execabort transaction discarded previous errors multi calls nested watch inside exec discard execute subscribe unsubscribe
  ping quit reset context crossslot request don slot clusterdown served cluster down tryagain multiple during rehashing
  unblocked force unblock from blocking state changed master loading dataset masterdown link serve stale protocol function
  found library killed by compiling new calling attempt attempted nonexistent global variable local non node longitude
  latitude decode requested zset member radius numeric config failed possibly related modifier acl setuser hello ioerr
  break do else elseif end false if nil repeat return then true until while expected near close line eof unexpected symbol
  unfinished malformed get put del type first last left right list sorted field fields member members element elements before
  after ex px xx incr ch withscores auth setname`.split(/\s+/)
)

/** Words that servers themselves put in quotes, besides names of commands: settings, options, keywords of Lua. */
const quotable = new Set(
  `maxmemory setname break do else elseif end false for function if in local nil not or repeat return then true until
  while <eof>`.split(/\s+/)
)

/** How much of each argument is searched for: less the more there are, because the search blocks the process. */
const windowOf = (count: number): number => Math.max(256, Math.min(64 * 1024, Math.floor(2 ** 20 / count)))

/** If this many characters of an argument's beginning occur in a text, that is no coincidence. */
const seed = 12

const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

const isLetter = (text: string, at: number): boolean => /[\p{L}\p{N}]/u.test(text.charAt(at))

const decoder = new TextDecoder()
const encoder = new TextEncoder()

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x07": "\\a", "\b": "\\b" }

/** Bytes as servers escape them: each byte that is not printable ASCII becomes an escape sequence. */
const escaped = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte)
    if (char === "\"" || char === "\\") return `\\${char}`
    return escapes[char] ?? (/[\x20-\x7e]/.test(char) ? char : `\\x${byte.toString(16).padStart(2, "0")}`)
  }).join("")

/** The forms in which an error may show an argument: on one line, cut at a zero byte, escaped. */
const formsOf = (arg: Command.Arg, window: number, isEscaped: boolean): ReadonlyArray<string> => {
  const part = typeof arg === "string" ? arg.slice(0, window) : decoder.decode(arg.subarray(0, window))
  const text = lower(part.replace(/\p{Surrogate}/gu, "\ufffd"))
  const forms = [text.replace(/[\r\n]/g, " ")]
  const zero = text.indexOf("\0")
  if (zero > 0) forms.push(text.slice(0, zero))
  if (isEscaped) forms.push(lower(escaped(typeof arg === "string" ? encoder.encode(part) : arg.subarray(0, window))))
  return forms
}

const argsOf = ({ args, before, unabridged }: Command.Any): ReadonlyArray<Command.Arg> => [
  ...args,
  ...before.flatMap(argsOf),
  ...(unabridged === undefined ? [] : unabridged.args)
]

/** Marks the characters of a text that are to be masked. */
class Marks {
  private readonly marked: Uint8Array
  private readonly text: string
  private readonly lowered: string
  /** The words of the command's name, which count as the server's own words. */
  private readonly own: ReadonlySet<string>

  constructor(text: string, { spec }: Command.Any) {
    this.text = text
    this.lowered = lower(text)
    this.marked = new Uint8Array(text.length)
    this.own = new Set(lower(spec.name).split(" "))
  }

  /** Whether all of these are the server's own words. */
  isFixed(words: string): boolean {
    return words.split(/[ '|<>._:,?!()*+=-]+/).every((word) =>
      word === "" || vocabulary.has(word) || this.own.has(word)
    ) &&
      /\p{L}/u.test(words)
  }

  /** Whether the server itself may put this word in quotes. Any other quoted word that equals an argument is that argument. */
  isQuotable(word: string): boolean {
    return quotable.has(word) || CommandSpec.find(word) !== undefined || !/\p{L}/u.test(word)
  }

  add(from: number, to: number): void {
    this.marked.fill(1, from, to)
  }

  has(from: number, to: number): boolean {
    return this.marked.subarray(from, to).includes(1)
  }

  /** Marks every occurrence of a form of an argument, or of its beginning. A short one counts only as a whole word. */
  find(form: string): void {
    if (form.length < 3 || this.isFixed(form)) return
    const { lowered } = this
    const beginning = form.slice(0, seed)
    const isWhole = beginning.length === form.length
    for (let at = lowered.indexOf(beginning); at !== -1; at = lowered.indexOf(beginning, at + 1)) {
      let end = at + beginning.length
      while (end - at < form.length && end < lowered.length && lowered[end] === form[end - at]) end++
      const isWord = !isLetter(lowered, at - 1) && !isLetter(lowered, end)
      if (isWhole && form.length < 6 && !isWord) continue
      if (!this.isFixed(lowered.slice(at, end))) this.add(at, end)
    }
  }

  toString(): string {
    let result = ""
    for (let at = 0; at < this.text.length; at++) {
      if (this.marked[at] === 0) result += this.text[at]
      else if (at === 0 || this.marked[at - 1] === 0) result += mask
    }
    return result
  }
}

/** Text in quotes. An apostrophe inside a word is not a quote. */
const quoted = /(?<![\p{L}\p{N}])(['"`])(.*?)\1(?![\p{L}\p{N}])/gsu

const numbers = /-?\d+\.\d+/g

const words = /[^\s'"`,;:()]{4,}/g

/** Whether a word mixes letters and digits, as no word of a server or script does: it looks like data. */
const isOdd = (word: string): boolean => word.length >= 6 && /\d/.test(word) && /\p{L}/u.test(word)

/**
 * Whether a word found in an argument reveals anything. The error of a script is mostly written in the script, which is an
 * argument itself: there only words that look like data are masked.
 */
const isTelling = (word: string, { spec }: Command.Any): boolean => spec.partial !== "Script" || isOdd(word)

/** The text of an error with the command's arguments masked. The code, a word in capitals, stays. */
export const masked = (message: string, command: Command.Any): string => {
  const text = message.replace(/, with args beginning with:.*$/s, "")
  const code = /^[A-Z][A-Z_]*(?= |$)/.exec(text)?.[0] ?? ""
  const rest = text.slice(code.length)
  const marks = new Marks(rest, command)
  const quotes = Array.from(rest.matchAll(quoted))
  if (marks.isFixed(lower(rest)) && quotes.every(([, , piece]) => marks.isQuotable(lower(piece)))) return text
  const args = argsOf(command)
  const window = windowOf(args.length)
  const isCut = args.some((arg) => arg.length > window)
  const forms = args.flatMap((arg) => formsOf(arg, window, rest.includes("\\")))
  for (const form of forms) marks.find(form)
  for (const match of quotes) {
    const from = match.index + 1
    const piece = lower(match[2])
    const isWhole = !marks.isQuotable(piece) && forms.includes(piece)
    if (piece === "" || (marks.isFixed(piece) && !isWhole)) continue
    const isTold = isWhole || forms.some((form) => piece.split(/\s+/).includes(form))
    // One or two signs, such as Lua's operators, occur in any script and reveal nothing.
    const isPiece = !/^[^\p{L}\p{N}]{1,2}$/u.test(piece) && (isCut || forms.some((form) => form.includes(piece)))
    if (isTold || isPiece || marks.has(from, from + piece.length)) marks.add(from, from + piece.length)
  }
  for (const match of rest.matchAll(words)) {
    const word = lower(match[0])
    if (!isTelling(word, command) || marks.isFixed(word)) continue
    const isTold = (isCut && isOdd(word)) || forms.some((form) => form.includes(word))
    if (isTold) marks.add(match.index, match.index + word.length)
  }
  for (const match of rest.matchAll(numbers)) {
    const isTold = forms.some((form) => form !== "" && Number(form) === Number(match[0]))
    if (isTold) marks.add(match.index, match.index + match[0].length)
  }
  return `${code}${marks}`
}

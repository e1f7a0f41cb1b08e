/**
 * Decodes and encodes with a Schema, and describes a value that does not fit: where, what was expected there, and the type found. The
 * description never contains data. So it leaves out the value itself, and whatever may be derived from it: the message of a
 * check, the error of a transformation, a key that the schema does not name (such as a field of a hash read as a record).
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/** Why a value does not fit its schema. `path` is empty if the problem is the whole value. */
export interface Misfit {
  readonly path: string
  readonly expected: string
  readonly received: string
}

/** A synchronous use of a Schema, which never throws, whatever the schema does. */
export type Fit<A> = (value: unknown) => Result.Result<A, Misfit>

/** Makes a decoder from a Schema. */
export const decoder = <A>(codec: Schema.Decoder<A>): Fit<A> =>
  fitting(SchemaParser.decodeUnknownExit(codec, { reportInput: true }), "decodes")

/** Makes an encoder from a Schema. */
export const encoder = <E>(codec: Schema.Encoder<E>): Fit<E> =>
  fitting(SchemaParser.encodeUnknownExit(codec, { reportInput: true }), "encodes")

const fitting = <A>(parse: (value: unknown) => Exit.Exit<A, unknown>, does: string): Fit<A> => (value) => {
  let exit: Exit.Exit<A, unknown>
  try {
    exit = parse(value)
  } catch (defect) {
    return Result.fail(broken(defect, does))
  }
  if (exit._tag === "Success") return Result.succeed(exit.value)
  const problem = Cause.squash(exit.cause)
  return Result.fail(SchemaIssue.isIssue(problem) ? brief(find(problem, "", undefined)) : broken(problem, does))
}

/** The schema itself threw, or is asynchronous. */
const broken = (defect: unknown, does: string): Misfit => ({
  path: "",
  expected: `a schema that ${does} at once, and does not throw`,
  received: defect instanceof Error ? defect.constructor.name : typeNameOf(defect)
})

const longest = 200

const brief = ({ expected, path, received }: Misfit): Misfit => {
  const different = expected === received ? `another ${expected}` : expected
  return { path, expected: different.length > longest ? `${different.slice(0, longest)}...` : different, received }
}

/** Finds the innermost problem of an issue. `ast` is the schema at `path`, or of the object around it, if known. */
const find = (issue: SchemaIssue.Issue, path: string, ast: SchemaAST.AST | undefined): Misfit => {
  const here = (expected: string): Misfit => ({ path, expected, received: receivedBy(issue) })
  switch (issue._tag) {
    case "Pointer": {
      let shown = path
      let at = ast
      for (const key of issue.path) {
        shown += segment(at, key)
        at = at === undefined ? undefined : typeAt(at, key)
      }
      return find(issue.issue, shown, at)
    }
    case "Composite":
      return find(issue.issues[0], path, issue.ast)
    case "AnyOf": {
      // Report the member of the union that decoded furthest: it is probably the one that was meant.
      const all = issue.issues.map((each) => find(each, path, undefined))
      const furthest = all.toSorted((a, b) => b.path.length - a.path.length)[0]
      return all.length === 1 || furthest?.path.length > path.length ? furthest : here(expectedBy(issue.ast))
    }
    case "Filter":
      return { ...find(issue.issue, path, ast), expected: wantedBy(issue.filter) }
    case "Encoding":
      return issue.issue._tag === "InvalidValue"
        ? here(expectedBy(encodedOf(issue.ast, issue.issue.input === issue.input)))
        : find(issue.issue, path, undefined)
    case "InvalidType":
      return here(expectedBy(issue.ast))
    case "MissingKey":
      return here(ast === undefined ? "a value" : expectedBy(encodedOf(ast, true)))
    case "UnexpectedKey":
      return here("no such key")
    case "OneOf":
      return here(`only one of ${expectedBy(issue.ast)}`)
    case "InvalidValue":
    case "Forbidden":
      return here("a value that can be decoded")
  }
}

/** One step of a path. Shows only positions and keys that the schema names; other keys may be data. */
const segment = (ast: SchemaAST.AST | undefined, key: PropertyKey): string => {
  if (ast?._tag === "Arrays" && typeof key === "number") return `[${key}]`
  const isNamed = ast?._tag === "Objects" && ast.propertySignatures.some(({ name }) => name === key)
  if (!isNamed) return "[*]"
  return `[${typeof key === "symbol" ? String(key) : JSON.stringify(key)}]`
}

const typeAt = (ast: SchemaAST.AST, key: PropertyKey): SchemaAST.AST | undefined => {
  if (ast._tag === "Objects") {
    return ast.propertySignatures.find(({ name }) => name === key)?.type ?? ast.indexSignatures[0]?.type
  }
  return ast._tag === "Arrays" ? ast.elements[Number(key)] ?? ast.rest[0] : undefined
}

/** The schema of the encoded form. Of several transformations in a row, the outermost is the last in `encoding`. */
const encodedOf = (ast: SchemaAST.AST, outermost: boolean): SchemaAST.AST =>
  ast.encoding?.at(outermost ? -1 : 0)?.to ?? ast

const format = SchemaIssue.makeFormatterDefault()

/** What a schema expects, in words. The issue is made without its input, so that the formatter cannot show it. */
const expectedBy = (ast: SchemaAST.AST): string => {
  const expected = ast.annotations?.expected
  return typeof expected === "string" ? expected : format(new SchemaIssue.InvalidType(ast)).replace(/^Expected /, "")
}

const wantedBy = ({ annotations }: SchemaAST.Filter<unknown>): string => {
  const named = [annotations?.expected, annotations?.identifier, annotations?.title].find((each) =>
    typeof each === "string"
  )
  return named ?? "a value that passes the checks of the schema"
}

const receivedBy = (issue: SchemaIssue.Issue): string =>
  SchemaIssue.hasInput(issue) ? typeNameOf(issue.input) : "nothing"

/** The type of a value in the words that Schema uses for what it expects ("array", "string"), so that the two compare. */
const typeNameOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (value instanceof Uint8Array) return "bytes"
  if (value instanceof Map) return "map"
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "Date"
  return typeof value === "number" && !Number.isFinite(value) ? `${value}` : typeof value
}

/**
 * Decoding with a Schema, and what can be said of a value that does not fit: where, what was expected there, and what kind of
 * value it was. Never the value, nor what may be made of it: what a check says, what a transformation throws, and a key that
 * the schema does not name, as a field of a hash that is read as a record.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/** Why a value does not fit. The path is empty where it is about the whole value. */
export interface Misfit {
  readonly path: string
  readonly expected: string
  readonly received: string
}

/** Decodes with a Schema, at once. It throws nothing, whatever the schema does. */
export const decoder = <A>(codec: Schema.Decoder<A>): (value: unknown) => Result.Result<A, Misfit> => {
  const parse = SchemaParser.decodeUnknownExit(codec, { reportInput: true })
  return (value) => {
    let exit: Exit.Exit<A, unknown>
    try {
      exit = parse(value)
    } catch (defect) {
      return Result.fail(broken(defect))
    }
    if (exit._tag === "Success") return Result.succeed(exit.value)
    const problem = Cause.squash(exit.cause)
    return Result.fail(SchemaIssue.isIssue(problem) ? brief(find(problem, "", undefined)) : broken(problem))
  }
}

/** The schema itself has failed, or it waits for something. */
const broken = (defect: unknown): Misfit => ({
  path: "",
  expected: "a schema that decodes at once, and does not throw",
  received: defect instanceof Error ? defect.constructor.name : kindOf(defect)
})

const longest = 200

const brief = ({ expected, path, received }: Misfit): Misfit => {
  const different = expected === received ? `another ${expected}` : expected
  return { path, expected: different.length > longest ? `${different.slice(0, longest)}...` : different, received }
}

/** `ast` is the schema of what the path leads to, or of what it is in, where that is known. */
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
      // Of the members of a union the one that was meant is the one that got furthest.
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

/** Only what the schema names is shown, and positions. */
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

/** What is decoded in several steps is encoded last by the outermost. */
const encodedOf = (ast: SchemaAST.AST, outermost: boolean): SchemaAST.AST =>
  ast.encoding?.at(outermost ? -1 : 0)?.to ?? ast

const format = SchemaIssue.makeFormatterDefault()

/** An issue without its input is formatted without it. */
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

const receivedBy = (issue: SchemaIssue.Issue): string => SchemaIssue.hasInput(issue) ? kindOf(issue.input) : "nothing"

const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (value instanceof Uint8Array) return "bytes"
  if (value instanceof Map) return "map"
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "Date"
  return typeof value === "number" && !Number.isFinite(value) ? `${value}` : typeof value
}

/** What servers repeat of a command in an error: the texts are those of Redis 7.0.15, Redis 8.0 and Valkey 9.1. */
import { assert, describe, it } from "@effect/vitest"
import * as Command from "../src/Command.ts"
import { reasonOf } from "../src/internal/failures/failure.ts"
import { masked } from "../src/internal/failures/masking.ts"
import * as Redis from "../src/Redis.ts"
import * as Resp from "../src/Resp.ts"

const secret = "hunter2-s3cret"
const of = (name: string, ...args: ReadonlyArray<string | Uint8Array>) => Command.command(name, args, { keys: [] })

describe("the text of an error", () => {
  it.each<[Command.Any, string, string]>([
    [
      of("ACL SETUSER", "bob", `>it's ${secret}`, "zz"),
      `ERR Error in ACL SETUSER modifier '>it's ${secret}': Syntax error`,
      "ERR Error in ACL SETUSER modifier '<argument>': Syntax error"
    ],
    [
      of("ACL SETUSER", "bob", `(>${secret}`, "+nope", ")"),
      `ERR Error in ACL SETUSER modifier '(>${secret} +nope )': Syntax error`,
      "ERR Error in ACL SETUSER modifier '<argument>': Syntax error"
    ],
    [
      of("HELLO", "3", secret),
      `ERR Syntax error in HELLO option '${secret}'`,
      "ERR Syntax error in HELLO option '<argument>'"
    ],
    [
      of("CONFIG SET", secret, "1"),
      `ERR Unknown option or number of arguments for CONFIG SET - '${secret}'`,
      "ERR Unknown option or number of arguments for CONFIG SET - '<argument>'"
    ],
    [of("CLUSTER FORGET", secret), `ERR Unknown node ${secret}`, "ERR Unknown node <argument>"],
    [
      of("REPLCONF", "ab!", "x"),
      "ERR Unrecognized REPLCONF option: ab!",
      "ERR Unrecognized REPLCONF option: <argument>"
    ],
    [
      of("X.CMD", secret),
      `ERR unknown command 'X.CMD', with args beginning with: '${secret}' `,
      "ERR unknown command 'X.CMD'"
    ],
    [
      of("FUNCTION LOAD", `#!lua ${secret}=x\n `),
      `ERR Invalid metadata value given: ${secret}=x`,
      "ERR Invalid metadata value given: <argument>"
    ],
    [
      of("GEOADD", "g", "181.5", "91", "m"),
      "ERR invalid longitude,latitude pair 181.500000,91.000000",
      "ERR invalid longitude,latitude pair <argument>,<argument>"
    ],
    [
      of("XREADGROUP", "GROUP", secret, "c", "STREAMS", "st", ">"),
      `NOGROUP No such key 'st' or consumer group '${secret}' in XREADGROUP with GROUP option`,
      "NOGROUP No such key '<argument>' or consumer group '<argument>' in XREADGROUP with GROUP option"
    ],
    [of("ECHO", `${secret}\nmore`), `ERR no '${secret} more' here`, "ERR no '<argument>' here"],
    [of("ECHO", `${secret}\0more`), `ERR no ${secret} here`, "ERR no <argument> here"],
    [of("ECHO", "a\"\u00e9\n\u0001"), `ERR no "a\\"\\xc3\\xa9\\n\\x01" here`, `ERR no "<argument>" here`],
    [of("ECHO", secret.toUpperCase()), `ERR no ${secret} here`, "ERR no <argument> here"],
    [of("ECHO", "s".repeat(500)), `ERR no '${"s".repeat(128)}' here`, "ERR no '<argument>' here"],
    [of("ECHO", "s".repeat(500)), `ERR no ${"s".repeat(128)}... here`, "ERR no <argument>... here"],
    [of("ECHO", new TextEncoder().encode(secret)), `ERR no ${secret} here`, "ERR no <argument> here"],
    [of("ECHO", "x".repeat(70_000) + secret), `ERR no '${secret}' here`, "ERR no '<argument>' here"],
    // Words that servers use, too, are no secret, unless a server quotes them.
    [
      of("ACL SETUSER", "bob", ">password"),
      "ERR Error in ACL SETUSER modifier '>password': Syntax error",
      "ERR Error in ACL SETUSER modifier '<argument>': Syntax error"
    ],
    [
      of("HELLO", "3", "user"),
      "ERR Syntax error in HELLO option 'user'",
      "ERR Syntax error in HELLO option '<argument>'"
    ],
    // Bytes that are no text.
    [
      of("ECHO", new Uint8Array([255, 254, 104, 117, 110, 116, 101, 114, 50])),
      `ERR no "\\xff\\xfehunter2" here`,
      `ERR no "<argument>" here`
    ],
    [of("ECHO", "x".repeat(70_000) + secret), `ERR no ${secret} here`, "ERR no <argument> here"],
    [
      of("ECHO", ...Array.from({ length: 10_000 }, () => `${"x".repeat(2000)}${secret}`)),
      `ERR no '${secret}' nor ${secret}`,
      "ERR no '<argument>' nor <argument>"
    ],
    // Out of scripts.
    [
      of("EVAL", "error(ARGV[1])", "0", secret),
      `ERR user_script:1: bad ${secret} script: x`,
      "ERR user_script:1: bad <argument> script: x"
    ],
    [
      of("EVAL", `error("bad ${secret}")`, "0"),
      `ERR user_script:1: bad ${secret}`,
      "ERR user_script:1: bad <argument>"
    ],
    [of("EVAL", "return redis.error_reply(ARGV[1])", "0", `${secret} and more`), `${secret} and more`, "<argument>"],
    [
      of("EVAL", "return foo_bar", "0"),
      "ERR user_script:1: Script attempted to access nonexistent global variable 'foo_bar'",
      "ERR user_script:1: Script attempted to access nonexistent global variable '<argument>'"
    ],
    [
      Redis.transaction([Redis.set("{a}1", secret), Redis.set("{a}2", "b")]),
      `EXECABORT queued ${secret} of {a}1`,
      "EXECABORT queued <argument> of <argument>"
    ]
  ])("repeats no argument: %#", (command, text, expected) => {
    assert.strictEqual(masked(text, command), expected)
  })

  it.each<[Command.Any, string]>([
    [Redis.lpush("key", ["value", "1", "a"]), "WRONGTYPE Operation against a key holding the wrong kind of value"],
    [Redis.incrby("value", 1), "ERR value is not an integer or out of range"],
    [Redis.set("memory", "used"), "OOM command not allowed when used memory > 'maxmemory'."],
    [of("GET", "get", "a"), "ERR wrong number of arguments for 'get' command"],
    [of("CONFIG SET", "a"), "ERR wrong number of arguments for 'config|set' command"],
    [
      of("AUTH", "password"),
      "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
    ],
    [
      of("EVAL", "if then", "0"),
      "ERR Error compiling script (new function): user_script:1: unexpected symbol near 'then'"
    ],
    [
      of("EVAL", "x =", "1", "k", "1"),
      "ERR Error compiling script (new function): user_script:1: '=' expected near '<eof>'"
    ],
    [
      of("EVAL", `return redis.error_reply("QUOTA the quota of the tenant is used up")`, "0"),
      "QUOTA the quota of the tenant is used up"
    ],
    [of("EVAL", "x", "1", "set", "maxmemory"), "OOM command not allowed when used memory > 'maxmemory'."],
    [of("EVAL", "x", "1", "set", "get"), "ERR invalid expire time in 'set' command"],
    [of("HELLO", "3", "AUTH", "u"), "ERR Syntax error in HELLO option 'AUTH'"],
    [Redis.get("a"), "NOAUTH Authentication required."],
    [Redis.get("a"), "NOPERM User default has no permissions to run the 'get' command"],
    [of("CLIENT", "NOPE"), "ERR unknown subcommand 'NOPE'. Try CLIENT HELP."]
  ])("stays readable where an argument is there by chance: %#", (command, text) => {
    assert.strictEqual(masked(text, command), text)
  })

  it("keeps its code, unless that is an argument", () => {
    const wrong = reasonOf(new Resp.ReplyError("WRONGTYPE Operation against"), Redis.get("WRONGTYPE"))
    assert.deepInclude(wrong, { code: "WRONGTYPE", text: "WRONGTYPE Operation against" })
    const script = of("EVAL", "return redis.error_reply(ARGV[1])", "0", secret)
    assert.deepInclude(reasonOf(new Resp.ReplyError(secret), script), { code: "ERR", text: "<argument>" })
    const upper = of("EVAL", "return redis.error_reply(ARGV[1])", "0", "AKIA42")
    assert.deepInclude(reasonOf(new Resp.ReplyError("AKIA42"), upper), { code: "ERR", text: "<argument>" })
  })
})

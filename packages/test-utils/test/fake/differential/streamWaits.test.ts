import { scenarios } from "./scenario.ts"

const group = "w: XGROUP CREATE k g $ MKSTREAM"
const waiting = "a: XREADGROUP GROUP g c BLOCK 0 STREAMS k >"

scenarios("waiting for streams", [
  ["XREAD", [
    "a: XREAD BLOCK 0 STREAMS k j $ $",
    "b: XREAD COUNT 1 BLOCK 0 STREAMS j 5",
    "w: XADD j 1-1 f 1",
    "w: XADD j 6-1 f 1",
    "w: XADD k 1-1 f 1",
    "a: XREAD BLOCK 0 STREAMS k j 0 0"
  ]],
  ["a key of another type wakes nobody", [
    "a: XREAD BLOCK 0 STREAMS k $",
    "w: RPUSH k a",
    "w: DEL k",
    "w: XADD k 1-1 f 1"
  ]],
  ["an entry that is trimmed at once leaves an empty list", [
    group,
    waiting,
    "b: XREAD BLOCK 0 STREAMS k $",
    "w: XADD k MAXLEN 0 1-1 f 1"
  ]],
  ["other writes wake nobody, but the end of any group does", [
    "w: XADD k 1-1 f 1",
    "w: XDEL k 1-1",
    "a: XREAD BLOCK 0 STREAMS k 0",
    "w: EXPIRE k 100",
    "w: XGROUP CREATE k g 0",
    "w: XSETID k 5-5",
    "w: XGROUP DESTROY k nope",
    "w: XGROUP DESTROY k g",
    "w: XADD k 6-6 f 1"
  ]],
  ["a stream that comes by another name", [
    "w: XADD q 3-3 f 1",
    "a: XREAD BLOCK 0 STREAMS k 0",
    "w: RENAME q k",
    "a: XREAD BLOCK 0 STREAMS k2 0",
    "w: COPY k k2"
  ]],
  ["consumers take turns", [
    group,
    waiting,
    "b: XREADGROUP GROUP g d COUNT 5 BLOCK 0 NOACK STREAMS k >",
    "w: XINFO CONSUMERS k g",
    "w: XADD k 1-1 f 1",
    "w: XADD k 1-2 f 1",
    "w: XPENDING k g",
    "w: XINFO GROUPS k"
  ]],
  ["history does not wait", [group, "a: XREADGROUP GROUP g c BLOCK 0 STREAMS k 0", waiting, "w: XADD k 1-1 f 1"]],
  ["SETID while a consumer waits", [
    "w: XADD k 1-1 f 1",
    group,
    waiting,
    "w: XGROUP SETID k g 0",
    "w: XADD k 2-2 f 1"
  ]],
  ["DELCONSUMER while a consumer waits", [group, waiting, "w: XGROUP DELCONSUMER k g c", "w: XADD k 1-1 f 1"]],
  ["the group goes", [group, "w: XGROUP CREATE k h $", waiting, "w: XGROUP DESTROY k h", "w: XGROUP DESTROY k g"]],
  ["the stream goes", [
    group,
    "w: XGROUP CREATE j g $ MKSTREAM",
    "a: XREADGROUP GROUP g c BLOCK 0 STREAMS k j > >",
    "w: DEL j"
  ]],
  ["the stream is renamed", [group, waiting, "w: RENAME k q"]],
  ["the stream is overwritten", [group, waiting, "w: SET k v"]],
  ["the stream is replaced", [group, waiting, "w: XADD q 1-1 f 1", "w: RENAME q k"]],
  ["arguments", [
    "a: XREAD BLOCK -1 STREAMS k 0",
    "a: XREAD BLOCK 1.5 STREAMS k 0",
    "a: XREAD BLOCK STREAMS k 0",
    "a: XREAD BLOCK 9223372036854775807 STREAMS k 0"
  ]]
])

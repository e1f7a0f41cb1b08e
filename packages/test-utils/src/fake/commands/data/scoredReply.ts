/**
 * Replies with members of a sorted set.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Entry } from "../../data/sortedSet.ts"

const { array, bulk, double } = Resp.Reply

/** Only the members. */
export const members = (entries: ReadonlyArray<Entry>): Resp.Reply => array(entries.map(({ member }) => bulk(member)))

/** Members and scores in turn. */
export const flat = (entries: ReadonlyArray<Entry>): Resp.Reply =>
  array(entries.flatMap(({ member, score }) => [bulk(member), double(score)]))

/** A pair for each member. */
export const pairs = (entries: ReadonlyArray<Entry>): Resp.Reply =>
  array(entries.map(({ member, score }) => array([bulk(member), double(score)])))

/** Members and scores in turn in RESP2, in pairs in RESP3. */
export const scored = (entries: ReadonlyArray<Entry>, protocol: 2 | 3): Resp.Reply =>
  protocol === 3 ? pairs(entries) : flat(entries)

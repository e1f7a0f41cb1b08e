import { assert, describe, it } from "@effect/vitest"
import * as LongDouble from "../../src/fake/values/longDouble.ts"

describe("sums of long doubles", () => {
  // As a real server of version 7.0.15 adds them with HINCRBYFLOAT.
  it.each([
    ["10.5", "0.1", "10.6"],
    ["5.6", "5.0e3", "5005.60000000000000009"],
    ["0", "0.00000000000000001", "0.00000000000000001"],
    ["123456789012345", "0.5", "123456789012345.5"],
    ["-1", "1", "0"],
    ["0", "-0", "0"],
    ["3.0e3", "-200", "2800"],
    ["0x10", "1", "17"]
  ])("%s and %s make %s", (a, b, sum) => assert.strictEqual(LongDouble.add(a, b), sum))
})

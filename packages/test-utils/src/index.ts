export * as Conformance from "./Conformance.ts"
export * as FakeCluster from "./FakeCluster.ts"
export * as RealCluster from "./RealCluster.ts"

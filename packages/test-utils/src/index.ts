export * as Conformance from "./Conformance.ts"
export * as RealCluster from "./RealCluster.ts"

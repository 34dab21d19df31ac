// Package scenarios reads scenario files and runs them: the agent workload against
// every config, the mocks, the faults, and the report at the end.
package scenarios

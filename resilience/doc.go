// Package resilience keeps an LLM agent answering while its providers and tools
// fail. It is what the bench tests by default, and a library for any Go agent.
package resilience

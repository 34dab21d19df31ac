// Package resilience keeps an LLM agent answering while its providers and tools
// fail. It is what the bench tests by default, and a library for any Go agent.
//
// Each pattern is one file, usable alone: [Retrier], [Circuit], [Timeout] are
// policies, [Compose] nests them in any order, [Chain] runs one operation over
// several targets, [Client] makes one honest attempt at one model. The [Stack] is
// all of them, outermost first:
//
//	degrade(total deadline(chain over targets(
//		Compose(retry, once, breaker, attempts, timeout)(client or tool))))
//
// where once stands only around tools that must not run twice, and attempts numbers
// and reports what the breaker let through.
//
// The breaker is inside the retry, so that it sees every attempt and a probe is
// one attempt; the timeout is inside the breaker, so that a timeout counts against
// the target. Attempts are made in this one layer only: clients below must not
// retry, because layers multiply.
//
// What an error means to each pattern is in one table, see [Class]. Everything here
// is safe for concurrent use unless its comment says otherwise, waits on the
// context, and draws chance from streams keyed by the request (see Options.Seed).
package resilience

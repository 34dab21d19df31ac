// Package resilience keeps an LLM agent answering while its providers and tools
// fail. It is what the bench tests by default, and a library for any Go agent.
//
// Each pattern is one file, usable alone: [Retrier] with its [Budget], [Hedger],
// [KeyRing], [Limiter], [Circuit], [Timeout] and [Gate], a queue, are policies;
// [Compose] nests them in any order, [Run] runs what brings a value under them,
// [Chain] runs one operation over several targets, [Client] makes one honest attempt
// at one model. The [Stack] is all of them, outermost first:
//
//	degrade(total deadline(queue(chain over targets(
//		Compose(retry, hedge, keys, limits, breaker, timeout, once, attempts)(client or tool)))))
//
// where once stands only around tools that must not run twice, and attempts numbers
// and reports what came through. A config may state another order (Config.Order).
//
// The breaker is inside the retry, so that it sees every attempt and a probe is
// one attempt; the timeout is inside the breaker, so that a timeout counts against
// the target. Limits are outside the breaker, so that a wait holds no probe's slot.
// Attempts are made in this one layer only: clients below must not
// retry, because layers multiply.
//
// What an error means to each pattern is in one table, see [Class]. Everything here
// is safe for concurrent use unless its comment says otherwise, waits on the
// context, and draws chance from streams keyed by the request (see Options.Seed).
package resilience

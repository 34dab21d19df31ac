package mockllm

import (
	"strings"

	"github.com/agentchaos/chaos/internal/seed"
)

// inner and openings are the words of plausible prose, about one token each. They
// begin with a space, as tokens do; openings begin a sentence.
var (
	inner = tokens(`the of and to in that is for with as on by this from which are can at be it
		agent answer result data search query table value system model request reply number time user
		shows gives finds reads needs holds keeps makes means takes between after before because while
		first second next last new small large clear common useful possible recent total average`)
	openings = tokens("The This It In For After Because While Most Each Here Both")
)

func tokens(list string) []string {
	all := strings.Fields(list)
	for i := range all {
		all[i] = " " + all[i]
	}
	return all
}

// prose returns n pieces that together are text in sentences of 6 to 15 words; if
// whole, the last sentence ends. The same position of the stream gives the same
// text.
func prose(s *seed.Stream, n int, whole bool) []string {
	pieces := make([]string, n)
	left := 0
	for i := range pieces {
		switch left {
		case 0:
			pieces[i] = openings[s.IntN(len(openings))]
			left = 6 + s.IntN(10)
		case 1:
			pieces[i] = "."
		default:
			pieces[i] = inner[s.IntN(len(inner))]
		}
		left--
	}
	pieces[0] = pieces[0][1:]
	if whole && n > 1 && pieces[n-2] != "." {
		pieces[n-1] = "."
	}
	return pieces
}

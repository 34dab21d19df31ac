// Flags shows that an ordinary binary that uses virtual time has no test flags.
package main

import (
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/agentchaos/chaos/internal/virtual"
)

func main() {
	var passed time.Duration
	if err := virtual.Run(func() error {
		start := time.Now()
		time.Sleep(24 * time.Hour)
		passed = time.Since(start)
		return nil
	}); err != nil {
		panic(err)
	}
	n := 0
	flag.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			n++
		}
	})
	fmt.Printf("%v, %d test flags\n", passed, n)
}

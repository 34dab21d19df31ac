package mockllm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// RateLimit is how much each API key may ask of a provider. Tokens are charged when a
// request arrives, by estimate: its prompt and max_tokens (the model's usual answer, if
// it sets none); what was really produced replaces that when the reply ends. A
// request that is turned away is charged nothing.
type RateLimit struct {
	// RPM is requests per minute.
	RPM int `yaml:"rpm,omitempty" json:"rpm,omitempty" jsonschema:"minimum=1"`
	// TPM is tokens per minute, of prompts and answers together.
	TPM int `yaml:"tpm,omitempty" json:"tpm,omitempty" jsonschema:"minimum=1"`
	// InputTPM is tokens per minute of prompts, which Anthropic counts apart.
	InputTPM int `yaml:"inputTPM,omitempty" json:"inputTPM,omitempty" jsonschema:"minimum=1"`
	// OutputTPM is tokens per minute of answers.
	OutputTPM int `yaml:"outputTPM,omitempty" json:"outputTPM,omitempty" jsonschema:"minimum=1"`
	// Concurrent is how many requests may be under way at once.
	Concurrent int `yaml:"concurrent,omitempty" json:"concurrent,omitempty" jsonschema:"minimum=1"`
	// Burst is how much may be used at once, as the time in which it refills; 1m by
	// default, so a minute's worth.
	Burst time.Duration `yaml:"burst,omitempty" json:"burst,omitempty"`
	// Ramp turns away traffic that grows too fast (slow_down).
	Ramp *Ramp `yaml:"ramp,omitempty" json:"ramp,omitempty"`
	// Quota is how many tokens a key has paid for: when they are used up, every
	// further request is refused for good (insufficient_quota).
	Quota int `yaml:"quota,omitempty" json:"quota,omitempty" jsonschema:"minimum=1"`
}

// Ramp bounds the growth of a key's traffic.
type Ramp struct {
	// Factor is how far traffic may grow from one window to the next; 2 by default.
	Factor float64 `yaml:"factor,omitempty" json:"factor" jsonschema:"minimum=1"`
	// Window is the time over which requests are counted; 10s by default.
	Window time.Duration `yaml:"window,omitempty" json:"window"`
	// Free is how many requests any window takes; 10 by default.
	Free int `yaml:"free,omitempty" json:"free" jsonschema:"minimum=1"`
}

// SetDefaults fills what was left out.
func (l *RateLimit) SetDefaults() {
	if l.Burst == 0 {
		l.Burst = time.Minute
	}
	if l.Ramp != nil {
		l.Ramp.SetDefaults()
	}
}

// SetDefaults fills what was left out.
func (r *Ramp) SetDefaults() {
	if r.Factor == 0 {
		r.Factor = 2
	}
	if r.Window == 0 {
		r.Window = 10 * time.Second
	}
	if r.Free == 0 {
		r.Free = 10
	}
}

// maxPerMinute bounds rates, maxBurst bursts, so that sums of times stay in range.
const (
	maxPerMinute = 1_000_000_000
	maxBurst     = 24 * time.Hour
)

// Validate reports every mistake, each beginning with the path of its field.
func (l *RateLimit) Validate() error {
	var errs []error
	for _, f := range [...]struct {
		path string
		n    int
	}{{"rpm", l.RPM}, {"tpm", l.TPM}, {"inputTPM", l.InputTPM}, {"outputTPM", l.OutputTPM}, {"concurrent", l.Concurrent}, {"quota", l.Quota}} {
		if f.n < 0 || f.n > maxPerMinute && f.path != "quota" {
			errs = append(errs, fmt.Errorf("%s: must lie in [1, %d]", f.path, maxPerMinute))
		}
	}
	if l.Burst < 0 || l.Burst > maxBurst {
		errs = append(errs, errors.New("burst: must lie in [0s, 24h]"))
	}
	if l.RPM > 0 && time.Minute > l.Burst*time.Duration(l.RPM) {
		errs = append(errs, fmt.Errorf("burst: %v is too short for one request at %d a minute", l.Burst, l.RPM))
	}
	if r := l.Ramp; r != nil && (r.Factor < 1 || r.Window <= 0 || r.Free < 1) {
		errs = append(errs, errors.New("ramp: needs a factor and a free of at least 1 and a window above 0s"))
	}
	return errors.Join(errs...)
}

// limits holds the rate limits of every API key of a provider. It is safe for
// concurrent use.
type limits struct {
	config RateLimit

	mu       sync.Mutex
	accounts map[credential]*account
}

// credential stands for an API key, which is never kept itself.
type credential [sha256.Size]byte

func hashKey(apiKey string) credential { return sha256.Sum256([]byte(apiKey)) }

func newLimits(config RateLimit) *limits {
	return &limits{config: config, accounts: map[credential]*account{}}
}

// maxAccounts bounds the memory that made-up keys can take: beyond it everything
// starts anew.
const maxAccounts = 1 << 16

func (l *limits) account(c credential) *account {
	a := l.accounts[c]
	if a == nil {
		if len(l.accounts) >= maxAccounts {
			clear(l.accounts)
		}
		a = newAccount(l.config)
		l.accounts[c] = a
	}
	return a
}

// admit charges a request of a call by estimate, or turns it away.
func (l *limits) admit(now time.Time, c credential, call seed.Key, estimate dialect.Usage) (verdict, dialect.Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(c)
	v := a.admit(now, call, estimate)
	return v, a.state(now)
}

// settle replaces the estimate of an admitted request by what it really used.
func (l *limits) settle(now time.Time, c credential, estimate, used dialect.Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account(c).settle(now, estimate, used)
}

// state is what the headers say to a request that is charged nothing.
func (l *limits) state(now time.Time, c credential) dialect.Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.account(c).state(now)
}

// early counts, by the first digits of its hash, how often a key came again too soon.
func (l *limits) early() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]int{}
	for c, a := range l.accounts {
		if a.early > 0 {
			all[hex.EncodeToString(c[:4])] = a.early
		}
	}
	return all
}

package reports

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
}

// JUnit writes the report as JUnit XML: a suite for each config with its metrics as
// properties, a test case for each expectation. What keeps the whole from being judged
// is an error in a suite of its own.
func JUnit(r *Report) ([]byte, error) {
	all := junitSuites{Name: r.Name}
	if r.SteadyState != nil || r.Status != Passed && r.Status != Failing {
		all.add(r.benchSuite())
	}
	for i := range r.Configs {
		all.add(r.configSuite(&r.Configs[i]))
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report as JUnit XML: %w", err)
	}
	return append([]byte(xml.Header), append(data, '\n')...), nil
}

func (all *junitSuites) add(s junitSuite) {
	for _, c := range s.Cases {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
	}
	all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	all.Suites = append(all.Suites, s)
}

func (r *Report) benchSuite() junitSuite {
	s := junitSuite{Name: r.Name + ".bench", Time: "0"}
	if j := r.SteadyState; j != nil {
		s.Cases = append(s.Cases, junitJudgement(s.Name, *j))
	}
	if r.Status != Passed && r.Status != Failing {
		c := junitCase{Class: s.Name, Name: "the runs can be judged", Time: "0"}
		c.Error = &junitProblem{printable(r.Verdict()), string(r.Status)}
		c.Out = printable(strings.Join(r.Reasons, "\n"))
		s.Cases = append(s.Cases, c)
	}
	return s
}

func (r *Report) configSuite(c *ConfigReport) junitSuite {
	s := junitSuite{Name: r.Name + "." + c.Name}
	total := 0.0
	for _, run := range c.Runs {
		total += run.Duration
	}
	s.Time = strconv.FormatFloat(total, 'f', 3, 64)
	if r.Meta != nil {
		s.Timestamp = r.Meta.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for _, name := range r.metricOrder() {
		if v, ok := c.Metrics[name]; ok && v.Known() {
			s.Properties = append(s.Properties, junitProperty{name, strconv.FormatFloat(rounded(v.Value), 'g', -1, 64)})
		}
	}
	for _, j := range r.Expectations {
		if j.Config == c.Name {
			s.Cases = append(s.Cases, junitJudgement(s.Name, j))
		}
	}
	return s
}

func junitJudgement(class string, j Judgement) junitCase {
	c := junitCase{Class: class, Name: j.Metric + " " + j.Is, Time: "0", Out: printable("observed " + withInterval(j.Observed))}
	if !j.Resolved {
		c.Out += printable(", unresolved: " + j.Reason)
	}
	switch {
	case !j.Observed.Known():
		c.Error = &junitProblem{printable(j.Reason), "not measured"}
	case j.Verdict == Violated:
		c.Failure = &junitProblem{printable(violation(j)), "expectation"}
	}
	return c
}

// printable leaves out what XML cannot hold.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}

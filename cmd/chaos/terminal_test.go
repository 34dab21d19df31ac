package main

import (
	"bytes"
	"testing"
)

func TestColored(t *testing.T) {
	tests := []struct {
		name string
		flag bool
		env  map[string]string
		want bool
	}{
		{name: "no terminal"},
		{name: "forced", env: map[string]string{"FORCE_COLOR": "1"}, want: true},
		{name: "forced by the other name", env: map[string]string{"CLICOLOR_FORCE": "1"}, want: true},
		{name: "forced off", env: map[string]string{"FORCE_COLOR": "0"}},
		{name: "forcing beats a dumb terminal", env: map[string]string{"FORCE_COLOR": "1", "TERM": "dumb"}, want: true},
		{name: "NO_COLOR beats forcing", env: map[string]string{"NO_COLOR": "1", "FORCE_COLOR": "1"}},
		{name: "the flag beats forcing", flag: true, env: map[string]string{"FORCE_COLOR": "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := colored(new(bytes.Buffer), tt.flag, func(name string) string { return tt.env[name] })
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// toStdout is the --out that prints report.json to standard output.
const toStdout = "-"

// folder is where one report will be written. It exists, and can be written to,
// before the run starts.
type folder struct {
	path string
	// made are the folders that were created for it, the innermost first.
	made []string
}

// outputs makes the folders of all reports, or none. Several scenarios share --out
// as their parent.
func outputs(out string, names []string, now time.Time) ([]folder, error) {
	var folders []folder
	for _, name := range names {
		path := out
		switch {
		case out == "":
			path = filepath.Join("chaos-out", name+"-"+now.Format("20060102-150405"))
		case len(names) > 1:
			path = filepath.Join(out, name)
		}
		f, err := makeFolder(unused(path, out != "", folders))
		if err != nil {
			discard(folders)
			return nil, err
		}
		folders = append(folders, f)
	}
	return folders, nil
}

// unused numbers a path that is taken: by another scenario of this run, or, unless
// the user has named it, by anything.
func unused(path string, named bool, folders []folder) string {
	taken := func(p string) bool {
		for _, f := range folders {
			if f.path == p {
				return true
			}
		}
		_, err := os.Lstat(p)
		return err == nil && !named
	}
	free := path
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s-%d", path, n)
	}
	return free
}

// makeFolder creates a folder with its parents and proves that it can be written to.
func makeFolder(path string) (folder, error) {
	f := folder{path: path}
	for p := path; ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); !errors.Is(err, os.ErrNotExist) || p == filepath.Dir(p) {
			break
		}
		f.made = append(f.made, p)
	}
	err := os.MkdirAll(path, 0o777)
	if err == nil {
		err = probe(path)
	}
	if err != nil {
		discard([]folder{f})
		return folder{}, fmt.Errorf("preparing the output folder %s: %w", path, err)
	}
	return f, nil
}

func probe(path string) error {
	file, err := os.CreateTemp(path, ".chaos-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// discard removes what makeFolder created, the last first, as far as nothing was
// written there.
func discard(folders []folder) {
	for _, f := range slices.Backward(folders) {
		for _, p := range f.made {
			_ = os.Remove(p) // fails on a folder that is not empty, as it should
		}
	}
}

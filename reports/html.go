package reports

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

//go:embed html
var htmlFiles embed.FS

// assets are what every page carries: its look, its script, and the policy that
// allows these two, by their hashes, and nothing else.
type assets struct {
	Policy string
	Style  template.CSS
	Script template.JS
}

func loadAssets() assets {
	style := file("uplot.css") + "\n" + file("page.css")
	script := "/*\nuPlot\n" + file("uplot.LICENSE") + "*/\n" + file("uplot.js") + "\n" + file("page.js")
	return assets{
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", sourceHash(style), sourceHash(script)),
		Style:  template.CSS(style),
		Script: template.JS(script),
	}
}

// file reads an embedded file; one that is missing is a mistake in this package.
func file(name string) string {
	data, err := htmlFiles.ReadFile("html/" + name)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// templateFuncs are the words of the templates.
var templateFuncs = template.FuncMap{
	"amount":   func(v Value) string { return amount(v.Value, v.Unit) },
	"interval": interval,
	"percent":  percent,
	"short":    short,
	"plain":    plain,
	"points":   points,
	"plural":   plural,
	"join":     strings.Join,
}

// HTML renders the report as one page that works from a disk: it asks for no other
// file, and its policy forbids that it could.
func HTML(r *Report) ([]byte, error) {
	p, err := newPage(r)
	if err != nil {
		return nil, fmt.Errorf("render the report as HTML: %w", err)
	}
	return render("report.html", p)
}

func render(name string, page any) ([]byte, error) {
	t, err := template.New("").Funcs(templateFuncs).ParseFS(htmlFiles, "html/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the page's templates: %w", err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, page); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return out.Bytes(), nil
}

// embeddable is a value as JSON that a script element may hold: <, > and & are
// escaped.
func embeddable(value any) (template.JS, error) {
	data, err := json.Marshal(value)
	return template.JS(data), err
}

// indented is a document as people read it.
func indented(document json.RawMessage) string {
	var out bytes.Buffer
	if len(document) == 0 || json.Indent(&out, document, "", "  ") != nil {
		return string(document)
	}
	return out.String()
}

package scenarios

// Schema gives the JSON Schema (draft 2020-12) of scenario files, for editors. The
// test of this package makes it from the structs and their comments.
func Schema() ([]byte, error) { return files.ReadFile("chaos.schema.json") }

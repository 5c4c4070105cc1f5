package server

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConfigurationIsDocumented holds docs/configuration.md to the code: its listing gives every key, with its default.
func TestConfigurationIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 6 {
		t.Fatalf("%d listings, want 6", len(blocks))
	}
	got, err := ReadConfig("docs", []byte(blocks[0][1]), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Admin.Hosts, want.Recording.Recipients = []string{}, []string{}
	if diff := cmp.Diff(want, got, compareConfig); diff != "" {
		t.Errorf("the listing does not give the defaults: %s", diff)
	}
	for _, block := range blocks[1:] {
		example := block[1]
		if !strings.Contains(example, "policies:") {
			example += "policies: {strict: {}}\n"
		}
		if _, err := ReadConfig("docs", []byte(example), nil); err != nil {
			t.Error(err)
		}
	}
	listings := ""
	for _, block := range blocks {
		listings += block[1]
	}
	for _, key := range knownKeys(t) {
		if !regexp.MustCompile(`(?m)\b` + key + `:`).MatchString(listings) {
			t.Errorf("no listing shows %s", key)
		}
	}
}

// TestWordsAreDocumented holds the table of policies to the words that the reader takes.
func TestWordsAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range slices.Concat(methodNames, suiteNames, groupNames, authenticationNames, forwardSecrecyNames, moveTGKNames,
		profileNames()) {
		if !strings.Contains(string(text), "`"+word+"`") {
			t.Errorf("no table explains %s", word)
		}
	}
}

// knownKeys asks the reader for the keys of every section by giving it one that it does not know.
func knownKeys(t *testing.T) []string {
	t.Helper()
	_, err := ReadConfig("probe", []byte(`
"?": 1
sip: {"?": 1}
media: {"?": 1}
admin: {"?": 1}
audit: {"?": 1}
telemetry: {"?": 1}
limits: {"?": 1}
rooms: {"?": 1, permanent: [{"?": 1}]}
policies: {standard: {"?": 1}}
trunks: [{"?": 1}]
recording: {"?": 1}
webhooks: [{"?": 1}]
`), nil)
	var bad *ConfigError
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	var keys []string
	sections := 0
	for _, p := range bad.Problems {
		if _, known, ok := strings.Cut(p.Text, "known here: "); ok {
			keys = append(keys, strings.Split(known, ", ")...)
			sections++
		}
	}
	if sections != 13 {
		t.Fatalf("%d sections answered, want 13: %v", sections, err)
	}
	return keys
}

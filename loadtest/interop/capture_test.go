package interop

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestCapture judges what .ci/interop has gathered: $INTEROP_CHECKS names a file of one check a line, tab-separated: kind, name,
// arguments; $INTEROP_SECRETS one of secrets. It prints a line a check, which .ci/interop passes on.
func TestCapture(t *testing.T) {
	path := os.Getenv("INTEROP_CHECKS")
	if path == "" {
		t.Skip("there is no capture: make interop makes one and runs this")
	}
	judges := map[string]func(args []string) (string, error){
		"speech": judgeSpeech, "relayed": judgeRelayed, "nothing": judgeNothing, "reports": judgeReports, "sealed": judgeSealed, "secrets": judgeSecrets,
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		word := strings.Split(lines.Text(), "\t")
		judge := judges[word[0]]
		if judge == nil || len(word) < 3 {
			t.Fatalf("no such check: %q", lines.Text())
		}
		detail, err := judge(word[2:])
		if err != nil {
			t.Fail()
			fmt.Printf("FAIL  %s: %v\n", word[1], err)
			continue
		}
		fmt.Printf("ok    %s: %s\n", word[1], detail)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

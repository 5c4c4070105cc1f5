package loadtest_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, driven by its DevTools protocol over a pair of pipes.
type browser struct {
	t       *testing.T
	session string // of the page
	to      io.Writer

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	faults  []string // what the page complained of
}

// message is one of the DevTools protocol, either way.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	event json.RawMessage
}

// browse starts the browser, or skips the test where there is none.
func browse(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium here, so that nobody looks at the console: make console installs it (Debian's chromium) and runs this test")
	}
	fromUs, toBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromBrowser, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio", "--lang=en",
		"--hide-scrollbars", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4 in the browser
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	toUs.Close()
	b := &browser{t: t, to: toBrowser, waiting: make(map[int]chan message)}
	ended := make(chan error, 2)
	go func() { b.read(fromBrowser); ended <- nil }()
	t.Cleanup(func() {
		b.send("", "Browser.close", nil)
		go func() { ended <- cmd.Wait() }()
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		<-ended
		<-ended
		late.Stop()
		toBrowser.Close()
		fromBrowser.Close()
	})
	b.attach()
	return b
}

// attach opens the page and has its complaints told.
func (b *browser) attach() {
	b.t.Helper()
	var target struct {
		ID string `json:"targetId"`
	}
	b.ask("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	b.ask("", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	b.session = attached.Session
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.do(domain+".enable", nil)
	}
}

// read takes what the browser says until it ends.
func (b *browser) read(from io.Reader) {
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		text, err := lines.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		var event struct {
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil || json.Unmarshal(text[:len(text)-1], &event) != nil {
			continue
		}
		m.event = event.Params
		b.mu.Lock()
		if answer := b.waiting[m.ID]; answer != nil && m.ID != 0 {
			answer <- m
			delete(b.waiting, m.ID)
		}
		b.note(m)
		b.mu.Unlock()
	}
}

// note keeps what the page complains of: exceptions, errors of the console, violations of the policy, and requests that go elsewhere.
func (b *browser) note(m message) {
	switch m.Method {
	case "Runtime.exceptionThrown":
		b.faults = append(b.faults, string(m.event))
	case "Log.entryAdded", "Runtime.consoleAPICalled":
		var e struct {
			Type  string `json:"type"`
			Entry struct{ Level, Text, URL string }
		}
		if json.Unmarshal(m.event, &e) == nil && (e.Type == "error" || e.Entry.Level == "error") {
			b.faults = append(b.faults, string(m.event))
		}
	case "Network.requestWillBeSent":
		var e struct{ Request struct{ URL string } }
		if json.Unmarshal(m.event, &e) == nil && !strings.HasPrefix(e.Request.URL, "http://127.0.0.1:") {
			b.faults = append(b.faults, "a request to "+e.Request.URL)
		}
	}
}

// complaints gives what there was of them since the last time.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.faults
	b.faults = nil
	return all
}

func (b *browser) send(session, method string, params any) chan message {
	answer := make(chan message, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	b.waiting[b.last] = answer
	text, err := json.Marshal(message{ID: b.last, Session: session, Method: method, Params: params})
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	if err != nil {
		b.t.Errorf("%s: %v", method, err)
	}
	return answer
}

func (b *browser) ask(session, method string, params, result any) {
	b.t.Helper()
	m := got(b.t, b.send(session, method, params), "answer of the browser to "+method)
	if m.Error != nil {
		b.t.Fatalf("%s: %s", method, m.Error.Message)
	}
	if result != nil {
		if err := json.Unmarshal(m.Result, result); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
	}
}

// do asks something of the page.
func (b *browser) do(method string, params any) {
	b.t.Helper()
	b.ask(b.session, method, params, nil)
}

// value gives what an expression comes to in the page.
func value[T any](b *browser, expression string) (v T) {
	b.t.Helper()
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	b.ask(b.session, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s %s", expression, r.Exception.Text, r.Exception.Exception.Description)
	}
	if len(r.Result.Value) == 0 {
		return v
	}
	if err := json.Unmarshal(r.Result.Value, &v); err != nil {
		b.t.Fatalf("%s: %v in %s", expression, err, r.Result.Value)
	}
	return v
}

// waits until an expression is true in the page.
func (b *browser) waits(what, expression string) {
	b.t.Helper()
	defer func() {
		if b.t.Failed() {
			b.t.Logf("the page says: %s; complaints: %v", value[string](b, "document.body.innerText"), b.complaints())
		}
	}()
	eventually(b.t, what, func() bool { return value[bool](b, "!!("+expression+")") })
}

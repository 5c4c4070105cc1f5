package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/conclave/conclave/server/webhook"
)

// WebhookView is what the outside sees of a webhook, DeadLetter of an event that it did not get.
type (
	WebhookView = webhook.View
	DeadLetter  = webhook.DeadLetter
)

// Webhooks shows the webhooks of the configuration, in its order.
func (s *Server) Webhooks(context.Context) ([]WebhookView, error) { return s.webhooks.Views(), nil }

// startWebhooks begins to send events to the hooks of the configuration.
func (s *Server) startWebhooks() (err error) {
	var hooks []webhook.Hook
	for i, c := range s.cfg.Webhooks {
		secret, err := readSecret(c.SecretFile)
		if err != nil {
			return fmt.Errorf("%w: webhooks[%d].secret_file: %w", ErrConfig, i, err)
		}
		hooks = append(hooks, webhook.Hook{URL: c.URL, Secret: secret, Types: c.Types, Rooms: c.Rooms})
	}
	s.webhooks, err = webhook.Start(s.events, hooks, s.log)
	return err
}

// readSecret reads a file that its owner alone can read; white space around the secret is not part of it.
func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; run: chmod 600 %s", file, file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	if len(text) < webhook.SecretOctets || len(text) > maxSecret {
		return nil, fmt.Errorf("%s holds %d octets; give it from %d to %d, such as those of: openssl rand -hex 32", file, len(text), webhook.SecretOctets, maxSecret)
	}
	return text, nil
}

package keying

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/conclave/conclave/keying/mikey"
)

// Inspection is what is known beside the message when one is looked into.
type Inspection struct {
	PSK      Secret // zero: unknown
	PeerCert []byte // PEM of the signer's certificate; nil: unknown
	OwnKey   []byte // PEM (PKCS #8) of our RSA key, to which a public key message was encrypted; nil: unknown
	ShowKeys bool   // put TEKs and salts into the report, in the clear
}

// InspectMIKEY decodes one MIKEY message for whoever debugs a phone and verifies it as far as the keys given allow. The
// report marshals to the JSON of `conclave mikey inspect`; of a text that is no message it says so. An error is about what is known beside it.
func InspectMIKEY(text string, known Inspection) (mikey.Report, error) {
	keys := mikey.InspectKeys{PSK: known.PSK.Bytes(), ShowKeys: known.ShowKeys, Now: time.Now()}
	if known.PeerCert != nil {
		block, _ := pem.Decode(known.PeerCert)
		if block == nil {
			return mikey.Report{}, fmt.Errorf("%w: no PEM in the certificate", ErrCall)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return mikey.Report{}, fmt.Errorf("%w: certificate: %w", ErrCall, err)
		}
		// Old peers sign with SHA-1; looking at their messages is no reason to refuse it.
		keys.Peer = mikey.PeerKey{Public: cert.PublicKey, SHA1: true}
	}
	if known.OwnKey != nil {
		key, err := decodeKey(known.OwnKey)
		if err != nil {
			return mikey.Report{}, fmt.Errorf("%w: own key: %w", ErrCall, err)
		}
		own, ok := key.(*rsa.PrivateKey)
		if !ok {
			return mikey.Report{}, fmt.Errorf("%w: own key: only RSA keys decrypt", ErrCall)
		}
		keys.Own = own
	}
	message, fault := messageIn(text)
	report := mikey.Inspect(message, keys)
	if fault != "" {
		report.Error = fault
	}
	return report, nil
}

// maxInspected bounds the text of a message to inspect: more than any attribute that fits a SIP message.
const maxInspected = 16 << 10

// messageIn takes a message out of what people paste: base64 alone, or a whole a=key-mgmt:mikey line around it.
func messageIn(text string) (message []byte, fault string) {
	if len(text) > maxInspected {
		return nil, fmt.Sprintf("the message is longer than %d octets", maxInspected)
	}
	text = strings.TrimSpace(text)
	text = strings.TrimPrefix(text, "a=")
	text = strings.TrimPrefix(text, "key-mgmt:")
	text = strings.TrimPrefix(strings.TrimSpace(text), "mikey ")
	message, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(message) == 0 {
		return nil, "the message is not base64"
	}
	return message, ""
}

// WriteVectors writes our test vectors as JSON: exchanges of every method of MIKEY with their updates, made from published keys and
// seeds, so that anybody can check another implementation against them, or this one.
func WriteVectors(w io.Writer) error {
	if err := mikey.WriteVectors(w); err != nil {
		return fmt.Errorf("keying: vectors: %w", err)
	}
	return nil
}

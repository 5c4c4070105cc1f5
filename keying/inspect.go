package keying

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/conclave/conclave/keying/mikey"
)

// Inspection is what is known beside the message when one is looked into.
type Inspection struct {
	PSK      Secret // zero: unknown
	PeerCert []byte // PEM of the signer's certificate; nil: unknown
	ShowKeys bool   // put TEKs and salts into the report, in the clear
}

// InspectMIKEY decodes one MIKEY message for whoever debugs a phone and verifies it as far as the keys given allow. The
// report marshals to the JSON of `conclave mikey inspect`.
func InspectMIKEY(message []byte, known Inspection) (mikey.Report, error) {
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
	return mikey.Inspect(message, keys), nil
}

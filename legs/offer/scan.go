package offer

import (
	"strconv"
	"strings"
)

// mediaLine is an m= line as written (RFC 8866 section 5.14).
type mediaLine struct {
	kind    string
	port    uint16
	proto   string
	formats []string
}

// placeholder stands for every m= line in what pion/sdp reads. Its grammar knows few media types and profiles and fails
// the whole description at any other (image, udptl), but an answer must repeat those lines (RFC 3264 section 6).
const placeholder = "m=audio 9 RTP/AVP 0"

// scan bounds the raw description, refuses control characters, takes the m= lines out of pion's hands, and drops what
// RFC 8866 tells a reader to ignore (unknown b= types) and k= lines, which hold keys in clear. It returns the text for
// pion/sdp with clean line ends.
func scan(raw []byte) (string, []mediaLine, error) {
	if len(raw) > MaxSize {
		return "", nil, ErrTooLarge
	}
	var (
		text  strings.Builder
		media []mediaLine
		lines int
	)
	text.Grow(len(raw) + 64)
	for line := range strings.SplitSeq(string(raw), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if lines++; lines > maxLines {
			return "", nil, ErrTooLarge
		}
		if !printable(line) || len(line) < 2 || line[1] != '=' {
			return "", nil, ErrSyntax
		}
		switch {
		case line[0] == 'm':
			m, err := parseMediaLine(line[2:])
			if err != nil {
				return "", nil, err
			}
			if len(media) == MaxMedia {
				return "", nil, ErrTooLarge
			}
			media = append(media, m)
			line = placeholder
		case line[0] == 'k', line[0] == 'b' && !knownBandwidth(line[2:]):
			continue
		}
		text.WriteString(line)
		text.WriteString("\r\n")
	}
	return text.String(), media, nil
}

// printable refuses control characters: they have no place in SDP and every log or terminal that shows one suffers.
func printable(line string) bool {
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// knownBandwidth tells whether pion/sdp accepts a b= line.
func knownBandwidth(value string) bool {
	kind, number, ok := strings.Cut(value, ":")
	if !ok {
		return false
	}
	switch kind {
	case "CT", "AS", "TIAS", "RS", "RR":
	default:
		return false
	}
	_, err := strconv.ParseUint(number, 10, 64)
	return err == nil
}

// parseMediaLine reads "media port[/count] proto fmt...".
func parseMediaLine(value string) (mediaLine, error) {
	fields := strings.Fields(value)
	if len(fields) < 4 {
		return mediaLine{}, ErrSyntax
	}
	if len(fields)-3 > MaxPayloads {
		return mediaLine{}, ErrTooLarge
	}
	port, count, several := strings.Cut(fields[1], "/")
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return mediaLine{}, ErrSyntax
	}
	if several {
		if _, err := strconv.ParseUint(count, 10, 16); err != nil {
			return mediaLine{}, ErrSyntax
		}
	}
	return mediaLine{kind: fields[0], port: uint16(number), proto: fields[2], formats: fields[3:]}, nil
}

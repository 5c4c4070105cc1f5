package dtls

import _ "github.com/pion/dtls/v3" // pins the module until the handshake uses it

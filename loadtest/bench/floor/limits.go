package floor

const (
	// framesPerSecond: a frame is a tick, 20 ms.
	framesPerSecond = 50
	// windows is of how many the least counts: on a shared machine most are disturbed.
	windows = 15
	// sockets is how many legs the kernel's path is measured with: more than its caches favour, as in a server.
	sockets = 200
	// packetOctets is an SRTP packet with 20 ms of Opus at 32 kbit/s: header 12, payload 80, tag 16.
	packetOctets = 108
	// payloadOctets is that payload.
	payloadOctets = 80
	// rounds is how often in a window every socket receives and sends.
	rounds = 5
	// pacedWindows and pacedRounds are windows at the pace of a call, and the ticks of each: half a second.
	pacedWindows, pacedRounds = 4, 25
	// slots is how many rooms there are at that pace, at equal distances in a tick, and slotLegs how many sockets and keys each has: rooms of ten,
	// as in most scenarios. slotCoders is how many encoders each has, and decoders, of every format: two talk.
	slots, slotLegs, slotCoders = 20, sockets / 20, 2
	// ciphered is how many packets a window protects and opens.
	ciphered = 500
	// mixed is how many frames a window mixes.
	mixed = 500
	// talkerA and talkerB are the two whose tones are encoded.
	talkerA, talkerB = 3, 40
)

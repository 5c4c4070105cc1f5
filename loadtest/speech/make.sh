#!/bin/sh
# Makes the recordings of this folder with espeak-ng and sox: ten voices, 8 kHz mono PCM16, peaks at -3 dB, 120 ms of
# silence at either end. Run it here; needs the Debian packages espeak-ng and sox. The result is committed.
set -eu
say() { # number, voice, words a minute, pitch, text
	espeak-ng -v "$2" -s "$3" -p "$4" --stdout "$5" |
		sox -V1 -t wav - -D -b 16 -c 1 -r 8000 "$1.wav" silence 1 0.01 0.1% reverse silence 1 0.01 0.1% reverse \
			highpass 80 norm -3 pad 0.12 0.12
}
say 01 en-gb 170 45 'Good morning everybody. This is the weekly call, shall we begin?'
say 02 en-us+f2 165 60 'Hello, can you hear me? I have just joined from the train.'
say 03 en-gb-scotland 160 40 'The minutes of the last meeting were sent on Friday. Any remarks?'
say 04 en-gb+f3 160 55 'I agree with the plan, but we should test the new keys first.'
say 05 en-us 150 35 'Let me share the numbers. Forty seven calls, and not one was lost.'
say 06 en-029 165 50 'Please mute your microphone. There is a dog barking somewhere.'
say 07 en-gb-x-rp+f4 170 65 'Could you say that again? The last sentence was not clear to me.'
say 08 en-gb-x-gbcwmd 160 42 'We have ten minutes left, so let us move on to the second item.'
say 09 en-us+f5 155 50 'My suggestion is simple. Ship it today, and measure it tomorrow.'
say 10 en-us-nyc 165 30 'Thank you all for coming. I will write down what we have decided.'

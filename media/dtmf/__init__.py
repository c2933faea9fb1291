"""Digits in media: telephone events in RTP (RFC 4733), and the same digits as tones in the audio.

All of it are cores. `EventSender` and `ToneSender` take the place of audio packets and of audio while a key
is down; `EventReceiver` and `ToneDetector` find the keys that the peer presses.
"""

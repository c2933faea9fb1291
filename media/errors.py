"""Errors that media raises: only for misuse and for files that cannot be read or written.

::

    MediaError
     ├── PacketError      a packet from the wire is malformed (caught and counted inside the package)
     ├── CodecError       no such codec
     ├── AudioFileError   a file cannot be read, written or understood
     ├── AudioDeviceError a microphone or speaker is not there, or cannot be used
     └── HandshakeFailed  DTLS did not come to keys
"""

from __future__ import annotations


class MediaError(Exception):
    """Root of all errors of this package."""


class PacketError(MediaError):
    """An RTP or RTCP packet breaks the rules of RFC 3550; never leaves a session, which counts it."""


class CodecError(MediaError):
    """The codec is not known here."""


class AudioFileError(MediaError):
    """An audio file is missing, unreadable, not audio, or cannot be written."""


class AudioDeviceError(MediaError):
    """A microphone or speaker is not there, cannot be opened, or has gone; or what opens them is missing."""


class HandshakeFailed(MediaError):
    """DTLS did not come to keys: nobody answered, or not the peer that signalling names."""

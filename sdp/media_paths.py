"""Where the RTP and RTCP of one stream go, however the path came to be."""

from __future__ import annotations

from typing import NamedTuple

from ice.paths.path import SelectedPath
from sdp.silent_path import SilentPath


class Paths(NamedTuple):
    """Where RTP and RTCP go: one and the same object with rtcp-mux."""

    rtp: SelectedPath
    rtcp: SelectedPath | SilentPath

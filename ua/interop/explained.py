"""Errors and bad results of a phone as failures of a scenario (core)."""

from __future__ import annotations

from typing import Final

from ua.errors import ResultCode, UaError
from ua.interop.failure import Failure
from ua.results import CallResult

INTERNAL: Final = "internal"
"""The cause where the mistake is ours."""

CAUSES: Final = {
    ResultCode.OK: "unexpected_success",
    ResultCode.INTERNAL: INTERNAL,
    ResultCode.USAGE: "wrong_state",
    ResultCode.CONFIGURATION: "configuration",
    ResultCode.AUTHENTICATION: "authentication",
    ResultCode.REJECTED: "rejected",
    ResultCode.TIMEOUT: "no_answer",
    ResultCode.UNREACHABLE: "unreachable",
    ResultCode.TLS: "tls",
    ResultCode.NO_MEDIA_PATH: "no_media_path",
    ResultCode.MEDIA_ONE_WAY: "one_way_audio_in",
    ResultCode.QUALITY: "quality",
    ResultCode.INTERRUPTED: "interrupted",
}
"""Name of a cause by how a call or a command ended; the diagnosis may know a better one."""

_ADVICE: Final = {
    ResultCode.AUTHENTICATION: "check user name and password of the account, here and at the peer",
    ResultCode.REJECTED: "the log of the peer should say why it refuses this",
    ResultCode.TIMEOUT: "is the peer running, and does a firewall drop packets silently?",
    ResultCode.UNREACHABLE: "check host, port and transport: does somebody listen there?",
    ResultCode.TLS: "check the certificate of the peer, and ca_file where it is signed by a CA of your own",
    ResultCode.NO_MEDIA_PATH: "compare the candidates and addresses in both session descriptions",
    ResultCode.MEDIA_ONE_WAY: "where does the peer send media to? A NAT or a firewall may be on the way",
}


def failure_of(error: UaError, *, expected: str, where: str = "") -> Failure:
    """`error`, which came in place of what was expected."""
    return Failure(
        cause=CAUSES[error.code],
        expected=expected,
        seen=f"{error.what} ({error.seen})" if error.seen else error.what,
        where=where,
        advice=error.hint or _ADVICE.get(error.code, ""),
    )


def failure_of_result(result: CallResult, *, expected: str, where: str = "") -> Failure:
    """A call that did not end as was expected."""
    return Failure(
        cause=CAUSES[result.result],
        expected=expected,
        seen=result.error or f"the call ended: {result.result.value}",
        where=where,
        advice=_ADVICE.get(result.result, ""),
    )

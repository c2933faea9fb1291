"""What attackers send: each message is another one."""

from __future__ import annotations

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 9000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


def options(number: int) -> bytes:
    """An OPTIONS."""
    return _request("OPTIONS", number)


def invite(number: int) -> bytes:
    """An INVITE with an offer."""
    return _request(
        "INVITE", number, "Contact: <sip:a@127.0.0.1:9>\r\nContent-Type: application/sdp\r\n", OFFER
    )


def ok(number: int) -> bytes:
    """A 200 to an INVITE that nobody has sent."""
    return (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{number}\r\n"
        f"From: <sip:a@example.com>;tag=a{number}\r\nTo: <sip:b@example.com>;tag=b\r\nCall-ID: {number}\r\n"
        f"CSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _request(method: str, number: int, more: str = "", body: bytes = b"") -> bytes:
    return (
        f"{method} sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK{number}\r\n"
        f"From: <sip:a@example.com>;tag=a{number}\r\nTo: <sip:b@example.com>\r\nCall-ID: {number}\r\n"
        f"CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body

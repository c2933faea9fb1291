"""The parser: grammar, order, tolerance and limits."""

from __future__ import annotations

import pytest

from sdp.errors import SdpError
from sdp.syntax.model import Attribute, Bandwidth, Connection, Time
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.bodies import crlf

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0"
MINIMAL = f"{HEAD}\nm=audio 4000 RTP/AVP 0"


def reasons(text: str) -> list[str]:
    return [diagnostic.reason for diagnostic in parse(crlf(text)).diagnostics]


def fault(text: str, *, strict: bool = False) -> SdpError:
    with pytest.raises(SdpError) as caught:
        parse(crlf(text), strict=strict)
    return caught.value


@pytest.mark.parametrize("body", bodies.ALL.values(), ids=bodies.ALL)
def test_real_descriptions_parse_without_a_remark_and_come_back(body: str) -> None:
    description = parse(body)
    assert description.diagnostics == ()
    assert parse(write(description)) == description


@pytest.mark.req("SDP-8866-16")
def test_sample_of_the_rfc_has_three_media() -> None:
    description = parse(bodies.RFC8866_SAMPLE, strict=True)
    assert [(media.media, media.port) for media in description.media] == [
        ("audio", 49170),
        ("audio", 49180),
        ("video", 51372),
    ]
    assert description.emails == ("Jane Doe <jane@jdoe.example.com>",)
    assert description.phones == ("+1 617 555-6011",)
    assert (description.information, description.uri) == (
        "SDP Offer #1",
        "http://www.jdoe.example.com/home.html",
    )
    assert write(description) == bodies.RFC8866_SAMPLE


FULL_SESSION = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "i=x", "u=http://example.com", "e=a@example.com",
                "p=+1", "c=IN IP4 192.0.2.1", "b=AS:64", "t=0 0", "a=x"]  # fmt: skip
FULL_MEDIA = ["i=x", "c=IN IP4 192.0.2.1", "b=AS:64", "a=x"]


@pytest.mark.req("SDP-8866-1")
@pytest.mark.parametrize("index", range(len(FULL_SESSION) - 1))
def test_swapped_session_lines(index: int) -> None:
    lines = list(FULL_SESSION)
    parse(crlf("\n".join(lines)), strict=True)
    lines[index], lines[index + 1] = lines[index + 1], lines[index]
    text = "\n".join(lines)
    assert "out of order" in str(fault(text, strict=True))
    assert any("out of order" in reason for reason in reasons(text))


@pytest.mark.req("SDP-8866-1")
@pytest.mark.parametrize("index", range(len(FULL_MEDIA) - 1))
def test_swapped_media_lines(index: int) -> None:
    lines = list(FULL_MEDIA)
    parse(crlf("\n".join([MINIMAL, *lines])), strict=True)
    lines[index], lines[index + 1] = lines[index + 1], lines[index]
    text = "\n".join([MINIMAL, *lines])
    assert "out of order" in str(fault(text, strict=True))
    assert len(reasons(text)) == 1


@pytest.mark.req("SDP-8866-1", "SDP-8866-18")
@pytest.mark.parametrize(
    ("line", "letter"), [("v=0", "v"), ("o=- 2 2 IN IP4 192.0.2.9", "o"), ("s=again", "s")]
)
@pytest.mark.parametrize("head", [HEAD, MINIMAL], ids=["session", "media"])
def test_lines_that_stand_once(head: str, line: str, letter: str) -> None:
    error = fault(f"{head}\n{line}")
    assert letter in error.reason
    assert error.line == len(head.split("\n")) + 1


@pytest.mark.req("SDP-8866-18")
def test_two_descriptions_in_one_body_are_refused() -> None:
    assert "one description per body" in fault(f"{MINIMAL}\n{MINIMAL}").reason


@pytest.mark.req("SDP-8866-2")
def test_bare_line_feeds_are_read_and_crlf_is_written() -> None:
    lenient = parse(f"{MINIMAL}\n".encode())
    assert lenient == parse(crlf(MINIMAL))
    written = write(lenient)
    assert written.count("\n") == written.count("\r\n") == len(MINIMAL.split("\n"))
    assert "\r\n\r\n" not in written
    assert written.endswith("\r\n")


def test_missing_end_of_the_last_line() -> None:
    assert parse(MINIMAL.replace("\n", "\r\n")) == parse(crlf(MINIMAL))


def test_text_that_is_not_utf8() -> None:
    body = crlf(MINIMAL.replace("s=-", "s=Zo\xeb")).encode("latin-1")
    description = parse(body)
    assert description.name == "Zo\xeb"
    assert ["not UTF-8" in d.reason for d in description.diagnostics] == [True]
    with pytest.raises(SdpError):
        parse(body, strict=True)


@pytest.mark.req("SDP-8866-3")
def test_origin() -> None:
    origin = parse(bodies.BARESIP_OFFER).origin
    assert (origin.username, origin.session_id, origin.version) == ("-", 1657668531, 1260190173)
    assert (origin.nettype, origin.addrtype, origin.address) == ("IN", "IP4", "127.0.0.1")
    big = MINIMAL.replace("o=- 1 1", f"o=- {2**63} 1")
    assert fault(big, strict=True).line == 2
    assert parse(crlf(big)).origin.session_id == 2**63
    for bad in ("o=- 1 1 IN IP4", "o=- x 1 IN IP4 192.0.2.1", f"o=- {10**21} 1 IN IP4 192.0.2.1"):
        assert fault(MINIMAL.replace("o=- 1 1 IN IP4 192.0.2.1", bad)).line == 2


@pytest.mark.req("SDP-8866-4")
@pytest.mark.parametrize(("line", "name"), [("s=", "-"), ("s= ", "-"), ("s=-", "-"), ("s=Call", "Call")])
def test_session_names(line: str, name: str) -> None:
    description = parse(crlf(MINIMAL.replace("s=-", line)), strict=True)
    assert description.name == name
    assert f"\r\ns={name}\r\n" in write(description)


@pytest.mark.req("SDP-8866-5")
def test_media_lines() -> None:
    description = parse(crlf(MINIMAL.replace("4000", "49170/2")))
    assert (description.media[0].port, description.media[0].port_count) == (49170, 2)
    assert len(description.diagnostics) == 1
    for bad in ("audio 9 RTP/AVP", "audio x RTP/AVP 0", "audio 65536 RTP/AVP 0", "audio 9/0 RTP/AVP 0",
                "audio 9 RTP//AVP 0", "au(dio 9 RTP/AVP 0", "audio 9 RTP/AVP (0"):  # fmt: skip
        assert fault(f"{HEAD}\nm={bad}").line == 6
    assert parse(crlf(f"{HEAD}\nm=audio 0 RTP/AVP 0")).media[0].port == 0


@pytest.mark.req("SDP-8866-6")
def test_unknown_things_have_no_effect_and_are_kept() -> None:
    text = f"{HEAD}\na=zz:1\nm=audio 4000 RTP/AVP 0\nb=X-Q:5\na=zz\na=yy:2"
    description = parse(crlf(text), strict=True)
    assert description.attributes == (Attribute(name="zz", value="1"),)
    assert description.media[0].bandwidths == (Bandwidth(type="X-Q", value=5),)
    assert [str(attribute) for attribute in description.media[0].attributes] == ["a=zz", "a=yy:2"]
    assert write(description) == crlf(text)


@pytest.mark.req("SDP-8866-6")
@pytest.mark.parametrize("head", [HEAD, MINIMAL], ids=["session", "media"])
def test_unknown_line_letters(head: str) -> None:
    text = f"{head}\nx=foo\nX=bar"
    assert fault(text, strict=True).line == len(head.split("\n")) + 1
    description = parse(crlf(text))
    section = description.media[0] if description.media else description
    assert [(line.letter, line.value) for line in section.unknown] == [("x", "foo"), ("X", "bar")]
    assert [d.text for d in description.diagnostics] == ["x=foo", "X=bar"]
    assert parse(write(description)) == description


@pytest.mark.req("SDP-8866-9")
def test_addresses() -> None:
    def connection(line: str) -> Connection | None:
        return parse(crlf(MINIMAL.replace("c=IN IP4 192.0.2.1", line)), strict=True).connection

    assert connection("c=IN IP6 2001:DB8:0::1") == Connection(addrtype="IP6", address="2001:db8::1")
    assert connection("c=IN IP4 host.example.com") == Connection(address="host.example.com")
    multicast = connection("c=IN IP4 233.252.0.1/127")
    assert multicast is not None
    assert multicast.multicast
    assert multicast.suffix == "127"
    assert connection("c=IN IP6 ff15::101/3") == Connection(addrtype="IP6", address="ff15::101", suffix="3")
    assert connection("c=ATM NSAP 47.0091.8100") is not None
    for bad in ("192.0.2.1/127", "233.252.0.1", "233.252.0.1/256", "233.252.0.1/1/0", "a_b", "", "1 2"):
        assert fault(MINIMAL.replace("c=IN IP4 192.0.2.1", f"c=IN IP4 {bad}")).line == 4
    for bad in ("[2001:db8::1]", "fe80::1%eth0", "ff15::101/3/4", "2001:db8::1/64"):
        assert fault(MINIMAL.replace("c=IN IP4 192.0.2.1", f"c=IN IP6 {bad}")).line == 4


def test_address_of_the_other_family_is_mended() -> None:
    text = MINIMAL.replace("c=IN IP4 192.0.2.1", "c=IN IP4 2001:db8::1")
    assert parse(crlf(text)).connection == Connection(addrtype="IP6", address="2001:db8::1")
    assert len(reasons(text)) == 1
    assert fault(text, strict=True).line == 4


@pytest.mark.req("SDP-8866-10")
def test_limits() -> None:
    def parse_lines(*lines: str) -> None:
        parse(crlf("\n".join([MINIMAL, *lines])))

    parse_lines(*["m=audio 0 RTP/AVP 0"] * 63)
    parse_lines(*["a=x"] * 512)
    parse_lines("a=" + "x" * 4094)
    for lines, number in (
        (["m=audio 0 RTP/AVP 0"] * 64, 70),
        (["a=x"] * 513, 519),
        (["a=" + "x" * 4095], 7),
    ):
        with pytest.raises(SdpError) as caught:
            parse_lines(*lines)
        assert caught.value.line == number
    body = crlf(MINIMAL)
    filler = "a=" + "y" * 1021 + "\r\n"
    while len(body) + len(filler) <= 65536:
        body += filler
    body += "a=" + "z" * (65536 - len(body) - 4) + "\r\n"
    assert len(body) == 65536
    parse(body)
    for each in (body + "\n", (body + "\n").encode()):
        with pytest.raises(SdpError, match="longer than 65536"):
            parse(each)


@pytest.mark.req("SDP-8866-10")
def test_huge_numbers_are_refused_before_they_are_converted() -> None:
    digits = "9" * 4000
    assert "digits" in fault(MINIMAL.replace("4000", digits)).reason
    assert "digits" in reasons(f"{MINIMAL}\nb=AS:{digits}")[0]


@pytest.mark.req("SDP-8866-11")
def test_bandwidths() -> None:
    description = parse(crlf(f"{MINIMAL}\nb=AS:64\nb=RS:0\nb=AS:x\nb=64"))
    assert description.media[0].bandwidths == (Bandwidth(type="AS", value=64), Bandwidth(type="RS", value=0))
    assert [d.text for d in description.diagnostics] == ["b=AS:x", "b=64"]


@pytest.mark.req("SDP-8866-12")
def test_form_of_a_line() -> None:
    for bad in ("V=0", "v =0", "v0", "=0", "0"):
        assert fault(MINIMAL.replace("v=0", bad)).reason
    assert fault(f"{MINIMAL}\nnonsense").line == 7
    assert fault(f"{MINIMAL}\na=x\0").line == 7
    assert fault(f"{MINIMAL}\na=x\ry").line == 7
    description = parse(crlf(f"{MINIMAL}\na=x: y"))
    assert description.media[0].attributes == (Attribute(name="x", value=" y"),)
    assert reasons(f"{MINIMAL}\na=x(y:1") == ["the attribute name is not a token; ignored"]
    assert fault(f"{MINIMAL}\na=x(y:1", strict=True).line == 7


def test_empty_lines() -> None:
    assert reasons(MINIMAL.replace("t=0 0", "t=0 0\n")) == ["an empty line"]
    assert fault(f"{MINIMAL}\n\na=x", strict=True).line == 7


@pytest.mark.req("SDP-8866-13")
def test_version_and_times() -> None:
    assert fault(MINIMAL.replace("v=0", "v=1")).line == 1
    assert fault(MINIMAL.replace("\nt=0 0", ""), strict=True).reason == "there is no t= line"
    assert parse(crlf(MINIMAL.replace("\nt=0 0", ""))).times == (Time(),)
    times = (
        "t=3724394400 3724398000\nr=604800 3600 0 90000\nr=7d 1h 0 25h\nz=3730928400 -1h 3749680800 0\nt=0 0"
    )
    description = parse(crlf(MINIMAL.replace("t=0 0", times)), strict=True)
    assert description.times == (
        Time(
            start=3724394400,
            stop=3724398000,
            repeats=("604800 3600 0 90000", "7d 1h 0 25h"),
            zone="3730928400 -1h 3749680800 0",
        ),
        Time(),
    )
    assert f"\r\n{crlf(times)}" in write(description)


@pytest.mark.req("SDP-8866-1", "SDP-8866-13")
@pytest.mark.parametrize(
    "lines",
    ["z=3730928400 -1h", "t=0 0\nz=3730928400 -1h", "r=7d 1h 0", "t=0 0\nr=7d 1h", "t=0 0\nr=x 1h 0",
     "t=0 0\nr=7d 1h 0\nz=3730928400", "t=1 2", "t=0", "t=x y", "t=0 " + "9" * 21],
)  # fmt: skip
def test_bad_times_are_ignored_or_refused(lines: str) -> None:
    text = MINIMAL.replace("t=0 0", lines)
    assert fault(text, strict=True).reason
    assert any("ignored" in reason for reason in reasons(text))


@pytest.mark.req("SDP-8866-14")
def test_keys_are_gone() -> None:
    plain = parse(crlf(f"{HEAD}\na=x\nm=audio 4000 RTP/AVP 0\na=y"))
    keyed = parse(crlf(f"{HEAD}\nk=prompt\na=x\nm=audio 4000 RTP/AVP 0\nk=clear:secret\na=y"), strict=True)
    assert keyed == plain
    assert "k=" not in write(keyed)


@pytest.mark.req("SDP-8866-15")
def test_connection_of_a_section() -> None:
    description = parse(crlf(f"{MINIMAL}\nc=IN IP4 192.0.2.7\nm=audio 4002 RTP/AVP 0"))
    own, inherited = (description.connection_of(media) for media in description.media)
    assert own == Connection(address="192.0.2.7")
    assert inherited == Connection(address="192.0.2.1")
    bare = MINIMAL.replace("c=IN IP4 192.0.2.1\n", "")
    assert fault(bare).line == 5
    assert parse(crlf(bare.replace("4000", "0"))).media[0].port == 0


def test_session_lines_within_a_section_are_ignored() -> None:
    description = parse(crlf(f"{MINIMAL}\nt=0 0\ne=a@example.com"))
    assert [d.text for d in description.diagnostics] == ["t=0 0", "e=a@example.com"]
    assert description.emails == ()


def test_second_of_single_lines() -> None:
    text = f"{HEAD.replace('s=-', 's=-' + chr(10) + 'i=one' + chr(10) + 'i=two')}\nm=audio 1 RTP/AVP 0"
    assert parse(crlf(text)).information == "one"
    assert fault(text, strict=True).line == 5
    double = MINIMAL.replace("t=0 0", "c=IN IP4 192.0.2.2\nt=0 0")
    assert parse(crlf(double)).connection == Connection(address="192.0.2.1")
    assert len(reasons(double)) == 1


def test_spaces_between_fields() -> None:
    text = MINIMAL.replace("audio 4000", "audio  4000")
    assert parse(crlf(text)).media[0].port == 4000
    assert len(reasons(text)) == 1
    assert fault(text, strict=True).line == 6


def test_error_names_line_and_reason() -> None:
    error = fault(MINIMAL.replace("m=audio 4000", "m=audio port"))
    assert (error.line, error.reason) == (6, "the port is not a number")
    assert str(error) == "line 6: the port is not a number"


def test_writer_refuses_to_forge_lines() -> None:
    description = parse(crlf(MINIMAL))
    for evil in ("x\r\na=y", "x\ny", "x\0"):
        bad = Attribute(name="x", value=evil)
        with pytest.raises(ValueError, match="cannot hold"):
            write(type(description)(origin=description.origin, attributes=(bad,)))

"""SRTP keys in offers and answers (RFC 4568): which line, whose key, and for how long."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from sdp.attributes.crypto_attr import SUITES
from sdp.attributes.crypto_attr import parse as parse_line
from sdp.attributes.direction import Direction
from sdp.errors import NegotiationError
from sdp.negotiation.keying import KeyingPolicy, SdesKeys
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.syntax.parser import parse
from sdp.syntax.protocols import Keying
from sdp.syntax.writer import write
from tests.sdp.keyed import ALL, BEST_EFFORT, DTLS, SDES, audio, call, two, values, with_value
from tests.sdp.local import address, tcp_pair, udp_pair

PLAIN = KeyingPolicy()


def keys_of(negotiated: NegotiatedMedia) -> SdesKeys:
    assert isinstance(negotiated.keys, SdesKeys)
    return negotiated.keys


@pytest.mark.req("KEY-9")
def test_an_offer_lists_suites_strongest_first_each_with_a_key_of_its_own() -> None:
    near, _ = two(SDES)
    offer = near.offer()
    lines = [parse_line(value) for value in values(offer, "crypto")]
    assert audio(offer).proto == "RTP/SAVP"
    assert [line.suite.name for line in lines] == [
        "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32",
    ]  # fmt: skip
    assert [line.tag for line in lines] == [1, 2, 3, 4]
    assert len({line.keys[0].material for line in lines}) == 4
    assert not any(line.keys[0].mki or line.parameters for line in lines), "MKIs are not offered"


@pytest.mark.req("KEY-9", "OA-1")
@pytest.mark.parametrize("direction", ["sendrecv", "recvonly", "inactive"])
def test_an_answer_has_one_line_with_a_key_of_its_own(direction: str) -> None:
    near, far = two(SDES)
    text = write(near.offer()).replace("a=sendrecv", f"a={direction}")
    answered = far.answer(parse(text))
    (line,) = [parse_line(value) for value in values(answered.description, "crypto")]
    assert (line.tag, line.suite) == (1, SUITES[0])
    offered = {parse_line(value).keys[0].material for value in values(parse(text), "crypto")}
    assert line.keys[0].material not in offered
    assert audio(answered.description).proto == "RTP/SAVP"


def test_only_the_suites_that_are_wanted_are_offered_and_taken() -> None:
    wanted = replace(SDES, suites=(SUITES[3], SUITES[1]))
    near, far = two(wanted, SDES)
    offered = [parse_line(value) for value in values(near.offer(), "crypto")]
    assert [(line.tag, line.suite) for line in offered] == [(1, SUITES[3]), (2, SUITES[1])]
    _, _, ours, theirs = call(SDES, wanted)
    assert keys_of(ours).suite == keys_of(theirs).suite == SUITES[1], "the first of the offer that is wanted"
    near, far = two(replace(SDES, suites=(SUITES[0],)), wanted)
    assert far.answer(near.offer()).negotiated is None


@pytest.mark.req("KEY-9")
def test_keys_protect_what_their_author_sends() -> None:
    _, _, ours, theirs = call(SDES)
    near, far = keys_of(ours), keys_of(theirs)
    assert near.local == far.remote[0].material
    assert far.local == near.remote[0].material
    assert near.local != far.local
    assert near.suite == far.suite == SUITES[0]


@pytest.mark.req("KEY-9")
def test_the_first_supported_line_of_the_offer_is_taken() -> None:
    near, far = two(SDES)
    offer = near.offer()
    lines = values(offer, "crypto")
    answered = far.answer(with_value(offer, "crypto", "9 NEW_SUITE inline:AAAA", lines[2], lines[0]))
    (line,) = [parse_line(value) for value in values(answered.description, "crypto")]
    assert (line.tag, line.suite.name) == (3, "AES_CM_128_HMAC_SHA1_80")


@pytest.mark.req("KEY-9", "KEY-5")
@pytest.mark.parametrize("fault", ["none", "two", "echo", "tag", "suite", "malformed"])
def test_an_answer_that_breaks_the_rules_is_a_failure_and_never_plain_rtp(fault: str) -> None:
    near, far = two(SDES)
    offer = near.offer()
    answer = far.answer(offer).description
    (good,) = values(answer, "crypto")
    lines = {
        "none": [],
        "two": [good, good.replace("1 ", "2 ", 1)],
        "echo": [values(offer, "crypto")[0]],
        "tag": [good.replace("1 ", "2 ", 1)],
        "suite": [good.replace("AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80")],
        "malformed": [good + "|||"],
    }[fault]
    with pytest.raises(NegotiationError) as failure:
        near.accept(with_value(answer, "crypto", *lines))
    assert near.exchange.negotiated is None
    assert not any(value.split("inline:")[1] in failure.value.reason for value in [good])


@pytest.mark.req("KEY-5", "KEY-8")
@pytest.mark.parametrize(
    "lines",
    [[], ["1 NEW_SUITE inline:AAAA"], ["1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"],
     ["1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + " UNENCRYPTED_SRTP"]],
)  # fmt: skip
def test_a_secure_stream_without_a_line_of_use_is_refused(lines: list[str]) -> None:
    near, far = two(ALL, SDES)
    near.policy = SDES
    answered = far.answer(with_value(near.offer(), "crypto", *lines))
    assert answered.negotiated is None
    assert answered.description.media[0].port == 0
    assert "a=crypto" in answered.reason
    assert far.exchange.negotiated is None


@pytest.mark.req("KEY-5")
@pytest.mark.parametrize(
    ("offers", "takes"),
    [(SDES, PLAIN), (SDES, DTLS), (PLAIN, SDES), (PLAIN, DTLS), (DTLS, SDES), (DTLS, PLAIN)],
)
def test_profiles_are_never_mixed(offers: KeyingPolicy, takes: KeyingPolicy) -> None:
    near, far = two(offers, takes)
    answered = far.answer(near.offer())
    assert answered.negotiated is None
    assert answered.description.media[0].port == 0
    assert audio(answered.description).proto == audio(near.exchange.open_offer).proto


@pytest.mark.req("KEY-5")
def test_keys_beside_rtp_avp_count_only_where_that_is_wanted() -> None:
    _, _, ours, theirs = call(BEST_EFFORT)
    assert keys_of(ours).local == keys_of(theirs).remote[0].material
    near, far, ours, theirs = call(BEST_EFFORT, PLAIN)
    assert audio(far.exchange.local).proto == "RTP/AVP"
    assert values(near.exchange.local, "crypto")
    assert values(far.exchange.local, "crypto") == []
    assert ours.keys is theirs.keys is None


@pytest.mark.req("KEY-6", "KEY-10", "OA-11")
def test_an_offer_that_changes_nothing_has_the_same_keys() -> None:
    near, far, first, _ = call(SDES)
    for offerer, answerer in ((near, far), (far, near), (near, far)):
        offer = offerer.offer()
        assert values(offer, "crypto")
        answered = answerer.answer(offer)
        assert answered.negotiated is not None
        again = offerer.accept(answered.description)
        assert {keys_of(again).local, keys_of(answered.negotiated).local} == {
            keys_of(first).local, keys_of(first).remote[0].material,
        }  # fmt: skip
    assert write(near.offer()) == write(near.exchange.local or pytest.fail())


@pytest.mark.req("KEY-10")
@pytest.mark.parametrize("who", ["offerer", "answerer"])
def test_another_address_of_ours_needs_another_key(who: str) -> None:
    near, far, first, second = call(SDES, ice=False)
    moved: dict[str, Any] = {"address": address(7000), "rtcp_address": address(7001)}
    offer = near.offer(**(moved if who == "offerer" else {}))
    answered = far.answer(offer, **(moved if who == "answerer" else {}))
    assert answered.negotiated is not None
    ours, theirs = keys_of(near.accept(answered.description)), keys_of(answered.negotiated)
    assert (ours.local != keys_of(first).local) is (who == "offerer")
    assert (theirs.local != keys_of(second).local) is (who == "answerer")
    assert ours.local == theirs.remote[0].material
    assert theirs.local == ours.remote[0].material


@pytest.mark.req("KEY-10")
def test_a_hold_keeps_the_key() -> None:
    near, far, first, _ = call(SDES, ice=False)
    answered = far.answer(near.offer(direction=Direction.SENDONLY))
    assert keys_of(near.accept(answered.description)).local == keys_of(first).local


@pytest.mark.req("KEY-10")
def test_the_pair_that_ice_selected_changes_the_key_only_where_it_changes_the_address() -> None:
    near, far, first, _ = call(SDES)
    answered = far.answer(near.offer(selected=(udp_pair(port=5000),)), selected=())
    same = keys_of(near.accept(answered.description))
    assert same.local == keys_of(first).local
    answered = far.answer(near.offer(selected=(udp_pair(port=5999),)), selected=())
    assert keys_of(near.accept(answered.description)).local != same.local


@pytest.mark.req("KEY-6")
def test_an_offer_that_fails_leaves_the_keys_as_they_were() -> None:
    near, far, first, _ = call(SDES)
    offered = near.offer(renew=True)
    assert parse_line(values(offered, "crypto")[0]).keys[0].material != keys_of(first).local
    near.exchange.reject()
    assert near.exchange.negotiated == first
    assert parse_line(values(near.offer(), "crypto")[0]).keys[0].material == keys_of(first).local
    assert far.exchange.negotiated is not None


@pytest.mark.req("KEY-6", "KEY-11")
def test_new_keys_replace_those_that_others_have_seen() -> None:
    near, far, first, second = call(SDES)
    answered = far.answer(near.offer(renew=True))
    again = keys_of(near.accept(answered.description))
    assert again.local != keys_of(first).local
    assert again.local == keys_of(answered.negotiated or second).remote[0].material
    assert parse_line(values(near.offer(), "crypto")[0]).keys[0].material == again.local, "and they stay"


@pytest.mark.req("KEY-5")
def test_a_protected_call_does_not_become_plain() -> None:
    near, far, _, _ = call(SDES, ALL)
    near.policy = PLAIN
    near.exchange._keying = None  # the peer has forgotten all about keys
    answered = far.answer(near.offer())
    assert answered.negotiated is None
    assert far.exchange.negotiated is not None
    assert far.exchange.negotiated.keys is not None


@pytest.mark.req("ICETCP-4.5-10", "ICETCP-4.5-16")
def test_srtp_stays_srtp_on_a_tcp_pair() -> None:
    near, far, first, _ = call(SDES)
    offer = near.offer(selected=(tcp_pair(),))
    assert audio(offer).proto == "TCP/RTP/SAVP"
    assert values(offer, "setup") == ["active"]
    assert values(offer, "connection") == ["existing"]
    pair = tcp_pair(dialled=False)
    answered = far.answer(offer, selected=(pair,))
    assert audio(answered.description).proto == "TCP/RTP/SAVP"
    assert keys_of(near.accept(answered.description)).suite == keys_of(first).suite
    assert audio(near.offer()).proto == "RTP/SAVP", "and back"


@pytest.mark.req("KEY-8", "SRTP-15")
def test_an_mki_of_the_peer_is_kept_for_its_packets() -> None:
    near, far = two(SDES)
    offer = near.offer()
    marked = [value + "|1:4" for value in values(offer, "crypto")]
    answered = far.answer(with_value(offer, "crypto", *marked))
    assert keys_of(answered.negotiated or pytest.fail()).remote[0].mki == b"\0\0\0\1"


def test_feedback_profiles_are_offered_and_taken() -> None:
    near, far, _, theirs = call(replace(SDES, feedback=True), ALL)
    assert audio(near.exchange.local).proto == audio(far.exchange.local).proto == "RTP/SAVPF"
    assert theirs.keys is not None


def test_rtp_over_tls_is_neither_offered_nor_taken() -> None:
    with pytest.raises(ValueError, match="never offered"):
        two(KeyingPolicy(offers=Keying.TLS))[0].offer()
    near, far = two(PLAIN, ALL)
    text = write(near.offer()).replace("RTP/AVP", "TCP/TLS/RTP/AVP")
    assert far.answer(parse(text)).negotiated is None


def test_no_key_is_shown() -> None:
    near, far, ours, theirs = call(SDES)
    body = write(near.exchange.local or pytest.fail())
    keys = re.findall(r"inline:(\S+)", body)
    shown = repr((near.exchange.local, far.exchange.remote, ours, theirs, near.local(), far.local()))
    assert len(keys) == 4
    assert not any(key in shown for key in keys)
    assert repr(keys_of(ours).local)[2:-1] not in shown

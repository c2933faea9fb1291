"""DTLS-SRTP in offers and answers (RFC 5763, RFC 8842): roles, fingerprints, new associations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ice.types import Credentials
from sdp.attributes.fingerprint_attr import DtlsRole, Fingerprint
from sdp.errors import NegotiationError
from sdp.negotiation.key_agreement import association_fault
from sdp.negotiation.keying import DtlsTerms
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.keyed import ALL, DTLS, OURS, THEIRS, Side, audio, call, two, values, with_value
from tests.sdp.local import ICE, PEER_ICE, tcp_pair, udp_pair

STRONG = Fingerprint(hash="sha-512", digest=bytes(64))


def terms(negotiated: NegotiatedMedia | None) -> DtlsTerms:
    assert negotiated is not None
    assert isinstance(negotiated.keys, DtlsTerms)
    return negotiated.keys


@pytest.mark.req("KEY-2", "KEY-12", "KEY-1", "ICETCP-4.5-9")
def test_an_offer_says_actpass_and_one_fingerprint_and_nothing_of_connections() -> None:
    near, _ = two(DTLS)
    offer = near.offer()
    assert audio(offer).proto == "UDP/TLS/RTP/SAVP"
    assert values(offer, "setup") == ["actpass"]
    assert values(offer, "connection") == []
    assert values(offer, "fingerprint") == [str(OURS)]
    assert values(offer, "crypto") == []


@pytest.mark.req("KEY-2", "ICETCP-4.5-8")
@pytest.mark.parametrize(
    ("setup", "role"),
    [("actpass", "active"), ("active", "passive"), ("passive", "active"), ("holdconn", None)],
)
def test_roles_of_an_answer(setup: str, role: str | None) -> None:
    near, far = two(DTLS)
    answered = far.answer(with_value(near.offer(), "setup", setup))
    if role is None:
        assert answered.negotiated is None
        assert "holdconn" in answered.reason
    else:
        assert values(answered.description, "setup") == [role]
        assert terms(answered.negotiated).role is DtlsRole(role)


@pytest.mark.req("KEY-2")
def test_both_sides_have_opposite_roles_and_each_others_fingerprint() -> None:
    _, _, ours, theirs = call(DTLS)
    assert terms(ours).role is DtlsRole.SERVER
    assert terms(theirs).role is DtlsRole.CLIENT
    assert terms(ours).fingerprints == {THEIRS}
    assert terms(theirs).fingerprints == {OURS}


@pytest.mark.req("KEY-2", "KEY-5")
@pytest.mark.parametrize(
    ("name", "value"), [("setup", "actpass"), ("setup", "holdconn"), ("fingerprint", "md5 00")]
)
def test_an_answer_that_breaks_the_rules_is_a_failure(name: str, value: str) -> None:
    near, far = two(DTLS)
    answer = far.answer(near.offer()).description
    with pytest.raises(NegotiationError):
        near.accept(with_value(answer, name, value))


@pytest.mark.req("KEY-5")
def test_an_offer_without_a_fingerprint_of_use_is_refused() -> None:
    near, far = two(DTLS, ALL)
    offer = near.offer()
    assert far.answer(with_value(offer, "fingerprint")).negotiated is None
    refused = far.answer(with_value(offer, "fingerprint", "sha-1 00:11"))
    assert refused.negotiated is None
    assert refused.description.media[0].port == 0


@pytest.mark.req("KEY-12")
def test_the_strongest_hash_of_the_peer_is_what_counts() -> None:
    near, far = two(DTLS)
    good = str(OURS)
    answered = far.answer(with_value(near.offer(), "fingerprint", good, str(STRONG)))
    assert terms(answered.negotiated).fingerprints == {STRONG}


@pytest.mark.req("KEY-3")
def test_a_tls_id_is_answered_where_there_is_one() -> None:
    near, far = two(DTLS)
    offer = near.offer()
    (ours,) = values(offer, "tls-id")
    assert 20 <= len(ours) <= 255
    assert ours not in values(two(DTLS)[1].offer(), "tls-id")
    answered = far.answer(offer)
    (theirs,) = values(answered.description, "tls-id")
    assert theirs != ours
    result = terms(near.accept(answered.description))
    assert (result.local_tls_id, result.remote_tls_id) == (ours, theirs)
    other = two(DTLS)[1]
    without = other.answer(with_value(offer, "tls-id"))
    assert values(without.description, "tls-id") == []
    assert terms(without.negotiated).local_tls_id is None
    ignored = two(DTLS)[1].answer(with_value(offer, "tls-id", "short"))
    assert values(ignored.description, "tls-id") == []
    assert any("tls-id" in remark.reason for remark in ignored.diagnostics)


@pytest.mark.req("KEY-13", "KEY-6")
def test_further_offers_keep_role_fingerprint_and_tls_id() -> None:
    near, far, first, second = call(DTLS)
    for offerer, answerer in ((near, far), (far, near), (far, near), (near, far)):
        offer = offerer.offer()
        assert values(offer, "setup") == ["actpass"]
        answered = answerer.answer(offer)
        offerer.accept(answered.description)
        assert near.exchange.negotiated is not None
        assert not terms(near.exchange.negotiated).needs_new_association(terms(first))
        assert not terms(far.exchange.negotiated).needs_new_association(terms(second))


TLS_ID = "A" * 24


@pytest.mark.req("KEY-13", "DTLS-5")
@pytest.mark.parametrize("with_id", [True, False])
@pytest.mark.parametrize("with_ice", [True, False])
@pytest.mark.parametrize("change", ["nothing", "role", "fingerprint", "tls-id", "ufrag", "port"])
def test_when_an_association_is_new(change: str, with_ice: bool, with_id: bool) -> None:
    near, far = two(DTLS, ice=with_ice)

    def reduced(text: str) -> str:
        lines = [line for line in text.split("\r\n") if with_id or not line.startswith("a=tls-id")]
        return "\r\n".join(lines)

    first = terms(far.answer(parse(reduced(write(near.offer())))).negotiated)
    near.accept(far.exchange.local or pytest.fail())
    changes: dict[str, Any] = {}
    if change == "ufrag" and with_ice:
        renewed = Credentials(ufrag="othr", password="otherPasswordotherPassword")
        changes["ice"] = replace(ICE, credentials=renewed)
    if change == "port":
        # with ICE this is what it selected
        moved = replace(near.media.address or pytest.fail(), port=5010)
        changes |= {"selected": (udp_pair(port=5010),)} if with_ice else {"address": moved}
    offer = parse(reduced(write(near.offer(**changes))))
    if change == "role":
        offer = with_value(offer, "setup", "active")
    if change == "fingerprint":
        offer = with_value(offer, "fingerprint", str(STRONG))
    if change == "tls-id" and with_id:
        offer = with_value(offer, "tls-id", TLS_ID)
    mine = {"ice": replace(PEER_ICE, credentials=Credentials(ufrag="p2p2", password="p" * 24))}
    answered = far.answer(offer, **(mine if "ice" in changes else {}))
    expected = {
        "nothing": False,
        "role": True,
        "fingerprint": True,
        "tls-id": with_id,
        "ufrag": False,
        "port": not with_id and not with_ice,
    }[change]
    if expected and change != "port":
        assert answered.negotiated is None, "such a change needs a path of its own"
        assert "association" in answered.reason
        assert far.exchange.negotiated is not None
        assert not terms(far.exchange.negotiated).needs_new_association(first)
    else:
        assert terms(answered.negotiated).needs_new_association(first) is expected


@pytest.mark.req("KEY-13", "KEY-14", "DTLS-5")
def test_a_new_association_comes_with_a_restart_of_ice() -> None:
    near, far, _, second = call(DTLS)
    near.policy = replace(DTLS, fingerprints=(STRONG,))
    moved = replace(ICE, credentials=Credentials(ufrag="othr", password="otherPasswordotherPassword"))
    offer = with_value(near.offer(ice=moved), "fingerprint", str(STRONG))
    mine = replace(PEER_ICE, credentials=Credentials(ufrag="p2p2", password="p" * 24))
    answered = far.answer(offer, ice=mine)
    assert terms(answered.negotiated).needs_new_association(terms(second))
    assert association_fault(terms(second), terms(answered.negotiated), moved=False)
    assert not association_fault(terms(second), terms(answered.negotiated), moved=True)
    assert not association_fault(None, terms(answered.negotiated), moved=False)


@pytest.mark.req("ICETCP-4.5-9", "ICETCP-4.5-8", "ICETCP-4.5-16")
@pytest.mark.parametrize("dialled", [True, False])
def test_on_a_tcp_pair_setup_is_the_role_in_dtls_and_there_is_no_connection(dialled: bool) -> None:
    near, far, first, _ = call(DTLS)
    offer = near.offer(selected=(tcp_pair(dialled=dialled),))
    assert audio(offer).proto == "TCP/DTLS/RTP/SAVP"
    assert values(offer, "setup") == ["actpass"]
    assert values(offer, "connection") == []
    # a peer may write it (RFC 8842 §5)
    offered = with_value(offer, "connection", "existing")
    answered = far.answer(offered, selected=(tcp_pair(dialled=not dialled),))
    assert audio(answered.description).proto == "TCP/DTLS/RTP/SAVP"
    assert values(answered.description, "setup") == ["active"]
    assert values(answered.description, "connection") == []
    again = near.accept(answered.description)
    assert again.tcp is None
    assert not terms(again).needs_new_association(terms(first))


def test_old_gear_says_rtp_savp_with_a_fingerprint() -> None:
    near, far = two(DTLS)
    text = write(near.offer()).replace("UDP/TLS/RTP/SAVP", "RTP/SAVPF")
    answered = far.answer(parse(text))
    assert terms(answered.negotiated).role is DtlsRole.CLIENT
    assert audio(answered.description).proto == "RTP/SAVPF"


def test_what_the_peer_asks_for_is_taken_by_who_takes_all() -> None:
    for policy, kind in ((DTLS, DtlsTerms),):
        near, far, ours, theirs = call(policy, ALL)
        assert isinstance(ours.keys, kind)
        assert isinstance(theirs.keys, kind)
        assert isinstance(near, Side)
        assert audio(far.exchange.local).proto == audio(near.exchange.local).proto


def test_dtls_without_a_certificate_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="certificate"):
        two(replace(DTLS, fingerprints=()))[0].offer()

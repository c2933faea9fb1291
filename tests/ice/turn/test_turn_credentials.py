"""Long-term credentials: keys, nonce cookies, password algorithms (RFC 8489 §9.2)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.stun.attributes import ErrorCode, UnknownAttribute, Username
from ice.stun.credential_attributes import (
    Algorithm,
    Nonce,
    PasswordAlgorithm,
    PasswordAlgorithms,
    Realm,
    Userhash,
)
from ice.stun.message import IntegrityAlgorithm, MessageClass, StunMessage, parse, serialise
from ice.turn.credentials import (
    MD5,
    SHA256,
    LongTermCredentials,
    long_term_key,
    opaque_string,
    security_features,
    user_hash,
)
from ice.turn.events import Allocated, AllocationFailed
from ice.turn.requests import MAX_CHALLENGES, TurnMethod
from tests.ice.turn.turn_world import PASSWORD, TurnWorld

Forge = Callable[[bytes], list[bytes]]


@pytest.mark.req("STUN-35")
def test_keys_of_the_rfc() -> None:
    assert long_term_key("user", "realm", "pass").hex() == "8493fbc53ba582fb4c044c456bdc40eb"
    assert (
        long_term_key("user", "realm", "pass", SHA256).hex()
        == "07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b"
    )


@pytest.mark.req("STUN-36")
def test_the_user_hash_of_the_rfc() -> None:
    # RFC 8489 B.1: the user name is six katakana letters.
    name = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
    assert user_hash(name, "example.org").hex().startswith("4a3cf38f")


def test_text_is_prepared_and_ascii_stays() -> None:
    assert opaque_string("a b\tc") == "a b\tc"
    assert opaque_string("e\u0301\u00a0x") == "\u00e9 x"


@pytest.mark.req("STUN-9")
@pytest.mark.parametrize(
    ("nonce", "bits"),
    [
        ("obMatJos2AAAA", 0),
        ("obMatJos2gAAAx", 1 << 23),
        ("obMatJos2QAAA", 1 << 22),
        ("obMatJos2wAAA12", 3 << 22),
        ("obMatJos2", 0),
        ("obMatJos2gA", 0),
        ("obMatJos2g!!!", 0),
        ("other", 0),
        ("obMatJos2\u00e4\u00e4\u00e4\u00e4", 0),
    ],
)
def test_features_of_a_nonce(nonce: str, bits: int) -> None:
    assert security_features(nonce) == bits


@given(st.integers(0, 2**24 - 1), st.text(max_size=10))
@pytest.mark.req("STUN-9")
def test_every_set_of_features_is_read(bits: int, rest: str) -> None:
    encoded = base64.b64encode(bits.to_bytes(3, "big")).decode()
    assert security_features(f"obMatJos2{encoded}{rest}") == bits


@given(st.text(max_size=30))
def test_any_nonce_is_read_without_an_error(nonce: str) -> None:
    assert security_features(nonce) >= 0
    assert security_features("obMatJos2" + nonce) >= 0


# --- with a server ---


def signed_request(world: TurnWorld) -> StunMessage:
    return world.server.requests(TurnMethod.ALLOCATE)[-1].message


@pytest.mark.req("STUN-33", "STUN-27")
@pytest.mark.parametrize("offered", [(1, 2), (2, 1), (2,)])
def test_sha256_is_taken_where_it_is_offered(offered: tuple[int, ...]) -> None:
    world = TurnWorld(features="gAAA", algorithms=offered).start()
    assert world.told(Allocated)
    request = signed_request(world)
    assert request.get(PasswordAlgorithms) == PasswordAlgorithms(
        algorithms=tuple(Algorithm(number=number) for number in offered)
    )
    assert request.get(PasswordAlgorithm) == PasswordAlgorithm(algorithm=Algorithm(number=2))
    assert [code.algorithm for code in request.integrity] == [IntegrityAlgorithm.SHA256]
    world.run(600)
    refresh = world.server.requests(TurnMethod.REFRESH)[0]
    assert refresh.code == 0
    assert [code.algorithm for code in refresh.message.integrity] == [IntegrityAlgorithm.SHA256]


@pytest.mark.req("STUN-33", "STUN-34")
def test_md5_alone_and_unknown_algorithms() -> None:
    world = TurnWorld(features="gAAA", algorithms=(0x0777, 1)).start()
    assert signed_request(world).get(PasswordAlgorithm) == PasswordAlgorithm(algorithm=Algorithm(number=1))
    unknown = TurnWorld(features="gAAA", algorithms=(0x0777,)).start()
    assert "no password algorithm" in unknown.told(AllocationFailed)[0].reason
    assert len(unknown.sent) == 1


@pytest.mark.req("STUN-9")
def test_an_offer_that_was_taken_out_ends_it() -> None:
    world = TurnWorld(features="gAAA").start()
    assert "taken it out" in world.told(AllocationFailed)[0].reason
    assert len(world.sent) == 1


@pytest.mark.req("STUN-36")
def test_an_anonymous_user_is_named_by_a_hash() -> None:
    world = TurnWorld(features="QAAA").start()
    assert world.told(Allocated)
    assert signed_request(world).get(Username) is None
    assert signed_request(world).get(Userhash) == Userhash(value=user_hash("alice", "example.org"))


@pytest.mark.req("STUN-36")
def test_a_cookie_without_features_changes_nothing() -> None:
    world = TurnWorld(features="AAAA").start()
    assert signed_request(world).get(Username) == Username(value="alice")
    assert [code.algorithm for code in signed_request(world).integrity] == [IntegrityAlgorithm.SHA1]


# --- one challenge after the other ---


def challenge(code: int, *, realm: str | None = "example.org", nonce: str | None = "n") -> StunMessage:
    attributes = (
        ErrorCode(code=code),
        *(() if realm is None else (Realm(value=realm),)),
        *(() if nonce is None else (Nonce(value=nonce),)),
    )
    return StunMessage(
        method=TurnMethod.ALLOCATE,
        message_class=MessageClass.ERROR,
        transaction_id=bytes(12),
        attributes=attributes,
    )


@pytest.mark.req("STUN-8")
def test_a_challenge_without_realm_or_nonce_is_no_challenge() -> None:
    credentials = LongTermCredentials("user", "pass")
    assert "realm or nonce" in credentials.challenged(challenge(401, realm=None), ())
    assert "realm or nonce" in credentials.challenged(challenge(401, nonce=None), ())
    assert "realm or nonce" in credentials.challenged(challenge(438, realm=None), ())
    assert credentials.key is None


@pytest.mark.req("STUN-8")
def test_another_realm_is_tried_and_the_same_is_not() -> None:
    credentials = LongTermCredentials("user", "pass")
    assert credentials.challenged(challenge(401), ()) == ""
    assert credentials.challenged(challenge(401, realm="example.com"), credentials.attributes) == ""
    assert credentials.key == long_term_key("user", "example.com", "pass")
    assert credentials.challenged(challenge(401, realm="example.com"), credentials.attributes)


@pytest.mark.req("STUN-8", "TURN-7")
def test_requests_that_were_sent_together_count_as_one_stale_nonce() -> None:
    credentials = LongTermCredentials("user", "pass")
    assert credentials.challenged(challenge(401), ()) == ""
    for number in range(3):
        used = credentials.attributes
        for _ in range(10):
            assert credentials.challenged(challenge(438, nonce=f"n{number}"), used) == ""
    assert credentials.challenged(challenge(438), credentials.attributes)
    credentials.settled()
    assert credentials.challenged(challenge(438), credentials.attributes) == ""


@pytest.mark.req("STUN-33")
def test_a_forged_stale_nonce_does_not_lead_back_to_md5() -> None:
    credentials = LongTermCredentials("user", "pass")
    offer = PasswordAlgorithms(algorithms=(Algorithm(number=1), Algorithm(number=2)))
    first = challenge(401)
    with_offer = dataclasses.replace(first, attributes=(*first.attributes, offer))
    assert credentials.challenged(with_offer, ()) == ""
    assert credentials.challenged(challenge(438), credentials.attributes) == ""
    assert credentials.integrity is IntegrityAlgorithm.SHA256
    assert offer in credentials.attributes
    assert credentials.key == long_term_key("user", "example.org", "pass", SHA256)


def test_the_password_is_not_in_the_repr() -> None:
    credentials = LongTermCredentials("user", "pass-word")
    assert credentials.challenged(challenge(401), ()) == ""
    assert "pass-word" not in repr(credentials)
    assert "user" in repr(credentials)


def resigned(
    change: Callable[[StunMessage], StunMessage], algorithm: IntegrityAlgorithm, number: int
) -> Forge:
    """Changes success answers to Allocate and signs them as the server would."""
    key = long_term_key("alice", "example.org", PASSWORD, number)

    def forge(message: bytes) -> list[bytes]:
        parsed = parse(message)
        if parsed.method != TurnMethod.ALLOCATE or parsed.message_class is not MessageClass.SUCCESS:
            return [message]
        return [serialise(change(parsed), integrity_key=key, fingerprint=False, algorithm=algorithm)]

    return forge


@pytest.mark.req("STUN-30", "STUN-31")
def test_an_answer_with_another_code_than_was_sent_is_dropped() -> None:
    world = TurnWorld(features="gAAA", algorithms=(2,))
    world.forge = resigned(lambda message: message, IntegrityAlgorithm.SHA1, SHA256)
    world.start()
    world.run(60)
    assert "integrity protection was violated" in world.told(AllocationFailed)[0].reason
    right = TurnWorld(features="gAAA", algorithms=(2,))
    right.forge = resigned(lambda message: message, IntegrityAlgorithm.SHA256, SHA256)
    assert right.start().told(Allocated)


@pytest.mark.req("STUN-6")
@pytest.mark.parametrize(("number", "stands"), [(0x7F00, False), (0x8F00, True)])
def test_an_answer_with_an_unknown_attribute_fails_where_it_must_be_understood(
    number: int, stands: bool
) -> None:
    def add(message: StunMessage) -> StunMessage:
        more = UnknownAttribute(number=number, value=b"?")
        return dataclasses.replace(message, attributes=(*message.attributes, more))

    world = TurnWorld()
    world.forge = resigned(add, IntegrityAlgorithm.SHA1, MD5)
    world.start()
    assert bool(world.told(Allocated)) is stands
    assert [f"{number:#06x}" in event.reason for event in world.told(AllocationFailed)] == [True] * (
        not stands
    )


@pytest.mark.req("STUN-9")
@pytest.mark.parametrize(("nonce", "stands"), [("obMatJos2gAAA", False), ("obMatJos2QAAA", True)])
def test_a_success_whose_nonce_promises_a_list_that_is_not_there_is_ignored(nonce: str, stands: bool) -> None:
    def add(message: StunMessage) -> StunMessage:
        return dataclasses.replace(message, attributes=(*message.attributes, Nonce(value=nonce)))

    world = TurnWorld()
    world.forge = resigned(add, IntegrityAlgorithm.SHA1, MD5)
    world.start()
    assert bool(world.told(Allocated)) is stands
    assert world.allocation.counters["hidden-algorithms"] == (not stands)


@pytest.mark.req("STUN-8")
def test_a_server_with_a_new_realm_each_time_is_left() -> None:
    realms = iter(range(1000))

    def rename(message: bytes) -> list[bytes]:
        parsed = parse(message)
        attributes = tuple(
            Realm(value=f"realm-{next(realms)}") if isinstance(item, Realm) else item
            for item in parsed.attributes
        )
        changed = dataclasses.replace(parsed, attributes=attributes)
        return [serialise(changed, integrity_key=None, fingerprint=False)]

    world = TurnWorld()
    world.forge = rename
    world.start()
    (failed,) = world.told(AllocationFailed)
    assert failed.code == 401
    assert len(world.sent) == MAX_CHALLENGES + 1

"""The life of an allocation: asked for, refreshed, lost, given back (RFC 8656 §6 to §8)."""

from __future__ import annotations

import dataclasses

import pytest

from ice.stun.attributes import AlternateServer, Attribute, ErrorCode, Username
from ice.stun.credential_attributes import Nonce, Realm
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.turn.allocation import AllocationState
from ice.turn.attributes import IPV6, Lifetime, RequestedAddressFamily, RequestedTransport, XorRelayedAddress
from ice.turn.credentials import long_term_key
from ice.turn.events import Allocated, AllocationFailed, AllocationLost, MessageRefused, Released
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.turn.turn_world import CHECK, CLIENT, PASSWORD, PEER, USER, TurnWorld, seeded
from tests.net.turn_server import TurnServer


@pytest.mark.req("TURN-1", "STUN-8", "STUN-15", "TURN-13")
def test_the_first_request_is_plain_and_the_second_authenticated() -> None:
    world = TurnWorld().start()
    plain, signed = (seen.message for seen in world.server.requests(TurnMethod.ALLOCATE))
    assert plain.attributes == (RequestedTransport(protocol=17),)
    assert plain.integrity == ()
    assert signed.get(RequestedTransport) == RequestedTransport(protocol=17)
    assert signed.get(Username) == Username(value=USER)
    assert signed.get(Realm) == Realm(value="example.org")
    assert signed.transaction_id != plain.transaction_id
    (relay,) = world.server.relays.values()
    assert world.told(Allocated) == [
        Allocated(at=world.now, relayed=relay.relayed, mapped=CLIENT, lifetime_s=600)
    ]
    assert world.allocation.state is AllocationState.ALLOCATED


@pytest.mark.req("STUN-8")
def test_a_wrong_password_is_tried_once() -> None:
    world = TurnWorld(password="guess").start()
    assert len(world.sent) == 2
    (failed,) = world.told(AllocationFailed)
    assert failed.code == 401
    assert "user name or the password" in failed.reason
    world.run(3600)
    assert len(world.sent) == 2
    assert world.allocation.next_timer() is None


@pytest.mark.req("STUN-7", "STUN-15")
def test_a_silent_server_is_asked_seven_times_over_udp() -> None:
    world = TurnWorld()
    world.to_server = False
    begun = world.now
    world.start()
    world.run(100)
    assert [at - begun for at, _ in world.sent] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert len({message for _, message in world.sent}) == 1
    (failed,) = world.told(AllocationFailed)
    assert failed.at - begun == 39.5
    assert "does not answer" in failed.reason


@pytest.mark.req("STUN-7")
def test_a_silent_server_is_asked_once_over_tcp() -> None:
    world = TurnWorld(reliable=True)
    world.to_server = False
    begun = world.now
    world.start()
    world.run(100)
    assert len(world.sent) == 1
    assert world.told(AllocationFailed)[0].at - begun == 39.5


@pytest.mark.req("TURN-2", "STUN-32", "TURN-13")
def test_refreshed_a_minute_before_the_end_in_one_round_trip() -> None:
    world = TurnWorld().start()
    begun = world.now
    world.run(3 * 600)
    refreshes = world.server.requests(TurnMethod.REFRESH)
    assert [seen.at - begun for seen in refreshes] == [540, 1080, 1620]
    assert {seen.code for seen in refreshes} == {0}
    assert world.server.relays


@pytest.mark.req("TURN-2", "TURN-13")
def test_the_lifetime_granted_counts() -> None:
    world = TurnWorld().start()
    world.server.lifetime_s = 1200
    begun = world.now
    world.run(540 + 1140 + 1)
    assert [seen.at - begun for seen in world.server.requests(TurnMethod.REFRESH)] == [540, 540 + 1140]


@pytest.mark.req("TURN-2", "TURN-8")
def test_a_refresh_without_answer_is_repeated_until_the_allocation_expires() -> None:
    world = TurnWorld().start()
    begun = world.now
    world.to_client = False
    world.run(700)
    (lost,) = world.told(AllocationLost)
    assert lost.at - begun == 600
    requests = {seen.message.transaction_id for seen in world.server.requests(TurnMethod.REFRESH)}
    assert len(requests) >= 2
    assert world.allocation.state is AllocationState.ENDED
    assert not world.send(CHECK)


@pytest.mark.req("TURN-2")
def test_a_refresh_that_is_lost_for_a_while_does_no_harm() -> None:
    world = TurnWorld().start()
    world.run(539)
    world.to_server = False
    world.run(25)
    world.to_server = True
    world.run(600)
    assert not world.told(AllocationLost)
    assert world.server.relays


@pytest.mark.req("TURN-7", "STUN-8")
def test_a_stale_nonce_costs_one_more_round_trip_and_nothing_else() -> None:
    world = TurnWorld(nonce_s=300.0).start()
    world.run(3600)
    codes = [seen.code for seen in world.server.requests(TurnMethod.REFRESH)]
    assert codes == [438, 0] * 6
    assert not world.told(AllocationLost)


@pytest.mark.req("STUN-8")
def test_a_server_that_calls_every_nonce_stale_is_left() -> None:
    world = TurnWorld(nonce_s=0.0).start()
    assert [seen.code for seen in world.server.requests(TurnMethod.ALLOCATE)] == [401, 438, 438, 438, 438]
    (failed,) = world.told(AllocationFailed)
    assert failed.code == 438


@pytest.mark.req("TURN-16", "TURN-5")
def test_a_server_that_forgot_the_allocation_ends_it_at_once() -> None:
    world = TurnWorld().start()
    world.server.relays.clear()
    world.send(CHECK)
    (lost,) = world.told(AllocationLost)
    assert "forgot" in lost.reason
    assert world.allocation.next_timer() is None


@pytest.mark.req("TURN-22")
def test_the_end_deletes_the_allocation_and_nothing_follows() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.close()
    assert world.server.relays == {}
    assert parse(world.sent[-1][1]).get(Lifetime) == Lifetime(seconds=0)
    assert len(world.told(Released)) == 1
    sent = len(world.sent)
    world.run(3600)
    assert len(world.sent) == sent


@pytest.mark.req("TURN-22")
def test_the_end_waits_a_second_for_a_silent_server() -> None:
    world = TurnWorld().start()
    begun = world.now
    world.to_server = False
    world.close()
    world.run(60)
    (released,) = world.told(Released)
    assert released.at - begun == 1.0


@pytest.mark.req("TURN-22", "TURN-16")
@pytest.mark.parametrize("nonce_s", [3600.0, 10.0])
def test_the_end_follows_a_stale_nonce_and_takes_a_mismatch_for_success(nonce_s: float) -> None:
    world = TurnWorld(nonce_s=nonce_s).start()
    world.run(20)
    if nonce_s > 20:
        world.server.relays.clear()
    world.close()
    assert world.server.relays == {}
    assert len(world.told(Released)) == 1
    assert not world.told(AllocationLost)


@pytest.mark.req("TURN-22")
def test_an_allocation_that_was_under_way_is_deleted_too() -> None:
    world = TurnWorld()
    lost: list[bytes] = []

    def keep_success(message: bytes) -> list[bytes]:
        if parse(message).message_class is MessageClass.SUCCESS and not lost:
            lost.append(message)
            return []
        return [message]

    world.forge = keep_success
    world.start()
    assert world.server.relays
    world.close()
    assert world.server.relays == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (400, "400"),
        (403, "forbids"),
        (437, "another allocation"),
        (441, "another user"),
        (442, "does not relay this transport"),
        (486, "too many allocations"),
        (508, "no port or bandwidth"),
        (699, "699"),
    ],
)
@pytest.mark.req("TURN-5", "STUN-25")
def test_a_refused_allocation_names_code_and_reason(code: int, words: str) -> None:
    world = TurnWorld()
    world.server.fail_with[TurnMethod.ALLOCATE] = code
    world.start()
    (failed,) = world.told(AllocationFailed)
    assert failed.code == code
    assert words in failed.reason
    assert len(world.sent) == 2
    assert world.allocation.next_timer() is None


@pytest.mark.req("STUN-25")
def test_a_server_error_is_asked_again_four_times() -> None:
    world = TurnWorld()
    world.server.fail_with[TurnMethod.ALLOCATE] = 500
    world.start()
    codes = [seen.code for seen in world.server.requests(TurnMethod.ALLOCATE)]
    assert codes == [401, 500, 500, 500, 500, 500]
    assert world.told(AllocationFailed)[0].code == 500


@pytest.mark.req("TURN-6", "TURN-34")
def test_ipv6_is_asked_for_and_ipv4_taken_where_there_is_none() -> None:
    world = TurnWorld(ipv6=True, host6="2001:db8::1").start()
    assert world.told(Allocated)[0].relayed.host == "2001:db8::1"
    other = TurnWorld(ipv6=True).start()
    families = [
        (seen.message.get(RequestedAddressFamily), seen.code)
        for seen in other.server.requests(TurnMethod.ALLOCATE)
    ]
    assert families == [
        (RequestedAddressFamily(family=IPV6), 401),
        (RequestedAddressFamily(family=IPV6), 440),
        (None, 0),
    ]
    assert other.told(Allocated)[0].relayed.host == "203.0.113.1"


@pytest.mark.req("STUN-45")
def test_a_signed_redirection_is_told_and_an_unsigned_one_is_not() -> None:
    elsewhere = TransportAddress(host="192.0.2.77", port=3478)
    world = TurnWorld(alternate=elsewhere).start()
    (failed,) = world.told(AllocationFailed)
    assert (failed.code, failed.alternates) == (300, (elsewhere,))

    def unsign(message: bytes) -> list[bytes]:
        parsed = parse(message)
        error = parsed.get(ErrorCode)
        if error is None or error.code != 300:
            return [message]
        return [serialise(parsed, integrity_key=None, fingerprint=False)]

    forged = TurnWorld(alternate=elsewhere)
    forged.forge = unsign
    forged.start()
    forged.run(60)
    (failed,) = forged.told(AllocationFailed)
    assert failed.alternates == ()


# --- answers that cannot be trusted (RFC 8489 §9.2.5) ---


def forged(message: bytes) -> bytes:
    """The same answer, signed with another password."""
    return serialise(
        parse(message), integrity_key=long_term_key(USER, "example.org", "guess"), fingerprint=False
    )


def success(message: bytes) -> bool:
    return parse(message).message_class is MessageClass.SUCCESS


@pytest.mark.req("STUN-30")
def test_a_forged_answer_before_the_true_one_does_no_harm_over_udp() -> None:
    world = TurnWorld()
    world.forge = lambda message: [forged(message), message] if success(message) else [message]
    world.start()
    assert len(world.told(Allocated)) == 1
    assert world.allocation.counters["wrong-integrity"] == 1


@pytest.mark.req("STUN-30")
def test_nothing_but_forged_answers_are_called_by_their_name() -> None:
    world = TurnWorld()
    world.forge = lambda message: [forged(message)] if success(message) else [message]
    world.start()
    world.run(60)
    (failed,) = world.told(AllocationFailed)
    assert "integrity protection was violated" in failed.reason
    assert world.told(MessageRefused)


@pytest.mark.req("STUN-30")
def test_a_forged_answer_over_tcp_ends_it_at_once() -> None:
    world = TurnWorld(reliable=True)
    world.forge = lambda message: [forged(message)] if success(message) else [message]
    begun = world.now
    world.start()
    (failed,) = world.told(AllocationFailed)
    assert failed.at == begun
    assert "integrity protection was violated" in failed.reason


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.req("STUN-37")
def test_a_400_that_nobody_signed_is_noise(reliable: bool) -> None:
    def noisy(message: bytes) -> list[bytes]:
        parsed = parse(message)
        if parsed.message_class is not MessageClass.SUCCESS:
            return [message]
        noise = StunMessage(
            method=parsed.method,
            message_class=MessageClass.ERROR,
            transaction_id=parsed.transaction_id,
            attributes=(ErrorCode(code=400),),
        )
        return [serialise(noise, integrity_key=None, fingerprint=False), message]

    world = TurnWorld(reliable=reliable)
    world.forge = noisy
    world.start()
    assert len(world.told(Allocated)) == 1
    assert world.allocation.counters["unauthenticated-400"] == 1


@pytest.mark.req("TURN-13")
def test_a_relayed_address_of_another_family_is_given_back() -> None:
    world = TurnWorld(host="2001:db8::7").start()
    assert "of no use" in world.told(AllocationFailed)[0].reason
    assert world.server.relays == {}
    assert not world.told(Allocated)


@pytest.mark.parametrize("missing", [XorRelayedAddress, Lifetime, None])
def test_an_answer_without_address_port_or_lifetime_is_no_allocation(missing: type[Attribute] | None) -> None:
    key = long_term_key(USER, "example.org", PASSWORD)

    def shorten(message: bytes) -> list[bytes]:
        parsed = parse(message)
        if not success(message) or parsed.method != TurnMethod.ALLOCATE:
            return [message]
        rest = tuple(item for item in parsed.attributes if missing is None or not isinstance(item, missing))
        if missing is None:
            rest = (XorRelayedAddress(address=TransportAddress(host="203.0.113.1", port=0)), *rest)
        return [serialise(dataclasses.replace(parsed, attributes=rest), integrity_key=key, fingerprint=False)]

    world = TurnWorld()
    world.forge = shorten
    world.start()
    assert len(world.told(AllocationFailed)) == 1
    assert world.server.relays == {}


@pytest.mark.req("STUN-14", "STUN-6")
def test_answers_to_nothing_and_other_junk_are_counted() -> None:
    world = TurnWorld().start()
    stranger = StunMessage(
        method=TurnMethod.REFRESH,
        message_class=MessageClass.SUCCESS,
        transaction_id=bytes(12),
        attributes=(Lifetime(seconds=0),),
    )
    request = dataclasses.replace(stranger, message_class=MessageClass.REQUEST)
    for message in (
        serialise(stranger, integrity_key=None, fingerprint=False),
        serialise(request, integrity_key=None, fingerprint=False),
        b"",
        b"\x80" * 30,
        b"\x00\x01\x00",
        b"\x40\x00\x00",
    ):
        world.allocation.receive(message, world.now)
    world.settle()
    assert world.allocation.counters["unknown-answer"] == 1
    assert world.allocation.counters["request"] == 1
    assert world.allocation.counters["malformed"] == 4
    assert world.server.relays
    assert world.send(CHECK)
    assert world.at_peers == [(next(iter(world.server.relays.values())).relayed, PEER, CHECK)]


def test_a_server_without_users_is_answered_with_a_reason() -> None:
    world = TurnWorld(username="", password="").start()
    assert "user name" in world.told(AllocationFailed)[0].reason
    assert len(world.sent) == 1


def test_misuse_raises_and_a_lost_connection_is_told_once() -> None:
    world = TurnWorld().start()
    with pytest.raises(RuntimeError):
        world.allocation.start(world.now)
    world.allocation.connection_lost("reset", world.now)
    world.allocation.connection_lost("reset", world.now)
    world.allocation.close(world.now)
    world.settle()
    assert [event.reason for event in world.told(AllocationLost)] == ["reset"]
    assert not world.told(Released)


def test_the_password_is_in_no_text() -> None:
    world = TurnWorld().start()
    everything = f"{world.events!r}{world.allocation!r}{vars(world.allocation)!r}"
    assert PASSWORD not in everything
    key = long_term_key(USER, "example.org", PASSWORD)
    assert key.hex() not in everything
    assert repr(key) not in everything


@pytest.mark.req("STUN-23")
def test_the_server_of_these_tests_repeats_its_answer() -> None:
    server = TurnServer(users={USER: PASSWORD}, random=seeded(5))
    request = StunMessage(
        method=TurnMethod.ALLOCATE,
        message_class=MessageClass.REQUEST,
        transaction_id=bytes(12),
        attributes=(RequestedTransport(),),
    )
    for _ in range(7):
        server.receive(CLIENT, serialise(request, integrity_key=None, fingerprint=False), 0.0)
    answers = {answer for _, answer in server.take_output()}
    assert len(answers) == 1
    nonce = parse(answers.pop()).get(Nonce)
    assert nonce is not None


@pytest.mark.req("ICE-5.1.1.4-1")
def test_the_port_at_a_nat_is_kept_open_while_nothing_is_said() -> None:
    world = TurnWorld().start()
    world.sent.clear()
    begun = world.now
    world.run(35)
    assert [(at - begun, parse(message).method) for at, message in world.sent] == [
        (seconds, Method.BINDING) for seconds in (10, 20, 30)
    ]
    assert {parse(message).message_class for _, message in world.sent} == {MessageClass.INDICATION}
    world.send(CHECK)
    world.sent.clear()
    for _ in range(20):
        world.run(1)
        world.send(CHECK)
    assert {parse(message).method for _, message in world.sent} == {TurnMethod.SEND}
    world.run(700)
    assert world.server.relays


@pytest.mark.req("STUN-14")
def test_an_answer_of_another_method_is_no_answer() -> None:
    key = long_term_key(USER, "example.org", PASSWORD)

    def rename(message: bytes) -> list[bytes]:
        if not success(message):
            return [message]
        other = dataclasses.replace(parse(message), method=TurnMethod.REFRESH)
        return [serialise(other, integrity_key=key, fingerprint=False)]

    world = TurnWorld()
    world.forge = rename
    world.start()
    assert world.allocation.state is AllocationState.ALLOCATING
    assert world.allocation.counters["unknown-answer"] == 1


@pytest.mark.req("STUN-45")
def test_a_redirection_before_authentication_is_not_followed() -> None:
    def redirect(message: bytes) -> list[bytes]:
        other = dataclasses.replace(
            parse(message), attributes=(ErrorCode(code=300), AlternateServer(address=PEER))
        )
        return [serialise(other, integrity_key=None, fingerprint=False)]

    world = TurnWorld()
    world.forge = redirect
    world.start()
    (failed,) = world.told(AllocationFailed)
    assert (failed.code, failed.alternates) == (300, ())

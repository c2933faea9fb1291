"""DTLS-SRTP: the handshake and what can go wrong with it. Datagrams are carried by hand, without any IO."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from media.protection.certificate import Certificate
from media.protection.dtls import MTU, PATIENCE_S, DtlsClosed, DtlsFailed, DtlsState
from media.protection.srtp import PROFILES, SrtpReceiver, SrtpSender
from tests.media.dtls_pair import ALICE, BOB, MALLORY, Two, association
from tests.media.protection.test_srtp import rtp


def two() -> Two:
    return Two(association(ALICE, is_client=True, peer=BOB), association(BOB, is_client=False, peer=ALICE))


@pytest.mark.req("DTLS-1", "DTLS-6", "DTLS-2")
@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_gives_keys_that_fit(name: str) -> None:
    both = two()
    both.server = association(BOB, is_client=False, peer=ALICE, profiles=(PROFILES[name],))
    both.start()
    both.run()
    client, server = both.keys()
    assert client.send.profile is server.send.profile is PROFILES[name]
    assert (client.send, client.receive) == (server.receive, server.send)
    assert client.send.material != client.receive.material
    assert client.send.packets == PROFILES[name].dtls_packets
    sealed = SrtpSender(client.send).protect(rtp(1))
    assert sealed is not None
    assert SrtpReceiver([server.receive]).unprotect(sealed) == rtp(1)
    assert SrtpReceiver([client.receive]).unprotect(sealed) == "SRTP packet not authentic"


@pytest.mark.req("DTLS-6")
def test_keys_are_those_of_the_exporter_in_the_order_of_rfc_5764() -> None:
    both = two()
    both.server = association(
        BOB, is_client=False, peer=ALICE, profiles=(PROFILES["AES_CM_128_HMAC_SHA1_80"],)
    )
    both.start()
    both.run()
    client, _ = both.keys()
    exported = both.client._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 60)
    assert client.send.material == exported[:16] + exported[32:46]
    assert client.receive.material == exported[16:32] + exported[46:]


@pytest.mark.req("DTLS-1")
def test_the_strongest_profile_in_common_is_taken() -> None:
    both = two()
    both.start()
    both.run()
    assert both.keys()[0].send.profile.name == "AEAD_AES_256_GCM"


@pytest.mark.req("DTLS-1")
def test_without_a_profile_in_common_there_are_no_keys() -> None:
    both = two()
    names = list(PROFILES.values())
    both.client = association(ALICE, is_client=True, peer=BOB, profiles=(names[0],))
    both.server = association(BOB, is_client=False, peer=ALICE, profiles=(names[2],))
    both.start()
    both.run()
    for side in (True, False):
        (failed,) = both.events[side]
        assert isinstance(failed, DtlsFailed)
    assert both.client.state is both.server.state is DtlsState.FAILED


@pytest.mark.req("DTLS-2", "KEY-1")
@pytest.mark.parametrize("client_lies", [True, False])
def test_a_foreign_certificate_ends_it_at_once(client_lies: bool) -> None:
    both = two()
    if client_lies:
        both.client = association(MALLORY, is_client=True, peer=BOB)
    else:
        both.server = association(MALLORY, is_client=False, peer=ALICE)
    both.start()
    both.run()
    (seen,) = both.events[not client_lies]
    assert isinstance(seen, DtlsFailed)
    assert seen.impostor
    assert not any(isinstance(event, DtlsFailed) and event.impostor for event in both.events[client_lies])
    for end in (both.client, both.server):
        assert end.state is not DtlsState.HANDSHAKE or client_lies
        assert end.next_timer() is None or end.state is DtlsState.HANDSHAKE


@pytest.mark.req("DTLS-2")
def test_a_client_without_certificate_is_refused() -> None:
    both = two()
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    both.client._connection = SSL.Connection(context)
    both.client._connection.set_connect_state()
    both.start()
    both.run()
    (seen,) = both.events[False]
    assert isinstance(seen, DtlsFailed)
    assert not seen.impostor


@pytest.mark.req("KEY-12")
@pytest.mark.parametrize(("second", "fits"), [(BOB, True), (MALLORY, False)])
def test_one_of_several_fingerprints_is_enough(second: Certificate, fits: bool) -> None:
    both = two()
    both.client._fingerprints = (("sha-256", bytes(32)), ("sha-256", second.digest()))
    both.start()
    both.run()
    assert (both.client.state is DtlsState.CONNECTED) is fits


@pytest.mark.parametrize("name", ["sha-224", "sha-256", "sha-384", "sha-512"])
def test_every_hash_function_is_checked(name: str) -> None:
    both = two()
    both.client._fingerprints = ((name, BOB.digest(name)),)
    both.start()
    both.run()
    assert both.client.state is DtlsState.CONNECTED


@pytest.mark.req("ICETCP-10-11", "DTLS-4")
def test_datagrams_are_short_and_none_is_sent_twice_where_nothing_is_lost() -> None:
    both = two()
    longest: list[int] = []
    hellos: list[bytes] = []

    def watch(from_client: bool, flight: list[bytes]) -> list[bytes]:
        longest.extend(map(len, flight))
        hellos.extend(datagram for datagram in flight if datagram[0] == 22 and datagram[13] == 1)
        # each datagram twice: what is a repetition is ignored
        return [datagram for datagram in flight for _ in range(2)]

    both.meddle = watch
    both.start()
    both.run()
    both.keys()
    assert max(longest) <= MTU
    assert len(hellos) <= 2, "the second with the cookie, if any"
    assert both.client.next_timer() is None
    assert both.server.next_timer() is None


def split(datagram: bytes) -> list[bytes]:
    records = []
    while datagram:
        size = 13 + int.from_bytes(datagram[11:13], "big")
        records.append(datagram[:size])
        datagram = datagram[size:]
    return records


def complete(both: Two, patience_s: float = 8.0) -> None:
    """Run to the end with OpenSSL's own clock, which times what is sent again."""
    both.start()
    started = time.monotonic()
    both.run()
    while both.client.state is not DtlsState.CONNECTED or both.server.state is not DtlsState.CONNECTED:
        due = [at for at in (both.client.next_timer(), both.server.next_timer()) if at is not None]
        assert due, "nobody would send again"
        assert time.monotonic() - started < patience_s
        time.sleep(0.02)
        both.client.handle_timer(0.0)
        both.server.handle_timer(0.0)
        both.run()
    client, server = both.keys()
    assert client.send == server.receive


@pytest.mark.req("DTLS-4")
def test_the_loss_of_each_flight_is_made_good_within_two_seconds() -> None:
    def lose(number: int) -> int:
        both, flights = two(), 0

        def drop(_: bool, flight: list[bytes]) -> list[bytes]:
            nonlocal flights
            flights += bool(flight)
            return [] if flights == number else flight

        both.meddle = drop
        complete(both, patience_s=2.5)
        return flights

    with ThreadPoolExecutor(4) as pool:
        assert min(pool.map(lose, range(1, 5))) > 4, "something was sent again"


@pytest.mark.req("DTLS-4")
def test_reordered_repeated_and_lost_records_come_to_the_same_keys() -> None:
    def shuffle(seed: int) -> None:
        chance, both = random.Random(seed), two()

        def meddle(_: bool, flight: list[bytes]) -> list[bytes]:
            records = [record for datagram in flight for record in split(datagram)]
            records += [record for record in records if chance.random() < 0.3]
            chance.shuffle(records)
            return [record for record in records if chance.random() > 0.05]

        both.meddle = meddle
        complete(both, patience_s=20.0)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(shuffle, range(12)))


@pytest.mark.req("DTLS-4")
def test_who_gets_no_answer_gives_up() -> None:
    client = association(ALICE, is_client=True, peer=BOB)
    client.start(100.0)
    at = client.next_timer()
    assert at is not None
    assert 100.9 <= at <= 101.1
    client.handle_timer(100.0 + PATIENCE_S)
    (failed,) = client.take_events()
    assert isinstance(failed, DtlsFailed)
    assert "30 s" in failed.reason
    assert client.next_timer() is None


@pytest.mark.req("DTLS-7")
def test_data_of_dtls_is_no_media_and_close_notify_ends_it() -> None:
    both = two()
    both.start()
    both.run()
    both.client._connection.send(rtp(1))
    both.client._flush(0.0)
    both.run()
    assert len(both.events[False]) == 1
    both.client.close(1.0)
    both.run()
    assert isinstance(both.events[False][-1], DtlsClosed)
    assert both.server.state is DtlsState.CLOSED


@settings(max_examples=60, deadline=None)
@given(
    packets=st.lists(
        st.binary(max_size=200) | st.binary(min_size=13, max_size=60).map(lambda b: b"\x16\xfe\xfd" + b),
        max_size=5,
    )
)
def test_nothing_that_arrives_raises(packets: list[bytes]) -> None:
    both = two()
    both.start()
    for packet in packets:
        both.server.receive(packet, 0.0)
        both.client.receive(packet, 0.0)
    both.run()
    for packet in packets:
        both.server.receive(packet, 0.0)
    both.run()


def test_private_keys_are_not_shown() -> None:
    assert "private" not in repr(ALICE).lower()

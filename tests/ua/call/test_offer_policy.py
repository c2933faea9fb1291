"""Which forms of an offer are tried, and what is remembered of peers (virtual time)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ice.config import IceConfig
from ua.call.offer_policy import MOST_PEERS, REMEMBERED_S, OfferForm, PeerMemory, forms

ALL = forms(IceConfig(), required=False)


def test_less_and_less_is_offered() -> None:
    assert ALL == (OfferForm.ALL, OfferForm.WITHOUT_TCP, OfferForm.PLAIN)
    assert forms(IceConfig(tcp=False), required=False) == (OfferForm.ALL, OfferForm.PLAIN)
    assert forms(IceConfig(udp=False), required=False) == (OfferForm.ALL,)
    assert forms(IceConfig(), required=True) == (OfferForm.ALL, OfferForm.WITHOUT_TCP)


def test_what_a_peer_took_comes_first_for_an_hour() -> None:
    memory = PeerMemory()
    memory.remember("PBX.example.com", OfferForm.WITHOUT_TCP, 10.0)
    assert memory.left("pbx.example.com", ALL, 10.0 + REMEMBERED_S) == ALL[1:]
    assert memory.left("pbx.example.com", ALL, 11.0 + REMEMBERED_S) == ALL
    assert memory.left("other.example.com", ALL, 10.0) == ALL
    # Who wants ICE does not call without it, whatever was remembered.
    memory.remember("pbx.example.com", OfferForm.PLAIN, 10.0)
    assert memory.left("pbx.example.com", ALL[:2], 11.0) == ALL[:2]


def test_a_peer_that_takes_everything_is_forgotten() -> None:
    memory = PeerMemory()
    memory.remember("pbx.example.com", OfferForm.PLAIN, 0.0)
    memory.remember("pbx.example.com", OfferForm.ALL, 1.0)
    assert memory.left("pbx.example.com", ALL, 2.0) == ALL


@given(st.lists(st.tuples(st.integers(0, 2 * MOST_PEERS), st.sampled_from(ALL)), max_size=3 * MOST_PEERS))
def test_memory_is_bounded_and_always_leaves_something_to_try(taken: list[tuple[int, OfferForm]]) -> None:
    memory = PeerMemory()
    for peer, form in taken:
        memory.remember(f"{peer}.example.com", form, 0.0)
        left = memory.left(f"{peer}.example.com", ALL, 1.0)
        assert left
        assert left[0] is form
        assert left == ALL[len(ALL) - len(left) :]
    assert len(memory._known) <= MOST_PEERS

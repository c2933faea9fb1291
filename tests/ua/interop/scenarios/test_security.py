"""The scenarios of security: who has it passes, who has not fails, and who demands it refuses the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers.broken.callee import Callee, running
from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, passes, pbx


async def test_they_pass_with_the_pbx(tmp_path: Path, authority: Authority) -> None:
    async with pbx(tmp_path, authority=authority, offers=("gcm",)) as peer:
        refused = ("security.plain_refused", "security.sdes_refused", "security.dtls_refused")
        await all_pass(peer, tmp_path, "security", but=refused)


async def test_keys_in_plain_sip_where_there_is_no_tls(tmp_path: Path) -> None:
    async with pbx(tmp_path, own={"srtp_over_plain_sip": True}) as peer:
        await passes(peer, tmp_path, "security.sdes_aes_80")


async def test_who_demands_srtp_refuses_the_rest(tmp_path: Path) -> None:
    async with pbx(tmp_path, own={"srtp": "dtls"}, offers=("only_protected",)) as peer:
        await passes(peer, tmp_path, "security.plain_refused")
    async with pbx(tmp_path / "open", offers=("only_protected",)) as peer:
        await fails(peer, tmp_path / "open", "security.plain_refused", "offer_taken")


@pytest.mark.parametrize("scenario", ["security.sdes_refused", "security.dtls_refused"])
async def test_who_has_no_srtp_says_so(scenario: str, tmp_path: Path) -> None:
    async with pbx(tmp_path, own={"srtp": "off"}, offers=("only_plain",)) as peer:
        await passes(peer, tmp_path, scenario)
    async with pbx(tmp_path / "has", own={"srtp_over_plain_sip": True}, offers=("only_plain",)) as peer:
        await fails(peer, tmp_path / "has", scenario, "offer_taken")
    async with running(Callee()) as callee:
        lying = peer_at(
            callee.address,
            accounts=(),
            extensions={"echo": callee.address},
            abilities=frozenset({"only_plain"}),
        )
        outcome = await fails(lying, tmp_path / "lies", scenario, "srtp_ignored", "bad_sdp_answer")
    assert outcome.failure is not None
    assert "RTP/AVP" in outcome.failure.seen


@pytest.mark.parametrize("scenario", ["security.tls", "security.tls_wrong_ca", "security.tls_wrong_name"])
async def test_a_certificate_that_nobody_trusts_fails(
    scenario: str, tmp_path: Path, authority: Authority
) -> None:
    other = Authority(tmp_path, "Another authority")
    async with pbx(tmp_path, authority=authority) as peer:
        untrusted = dataclasses.replace(peer, ca_file=other.certificate)
        await fails(untrusted, tmp_path, scenario, "tls", "tls_name")


@pytest.mark.parametrize("scenario", ["security.sdes_aes_80", "security.dtls"])
async def test_who_answers_without_protection_fails(scenario: str, tmp_path: Path) -> None:
    async with running(Callee()) as callee:
        numbers = {"echo": callee.address}
        abilities = frozenset({"sdes", "dtls"})
        peer = peer_at(callee.address, accounts=(), extensions=numbers, abilities=abilities)
        await fails(peer, tmp_path, scenario, "bad_sdp_answer", "media_refused")

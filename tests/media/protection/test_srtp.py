"""SRTP against the vectors of RFC 3711 and 7714, and against those RFCs written down a second time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.protection.srtp import PROFILES, RTCP_PACKETS, MasterKey, SrtpProfile, SrtpReceiver, SrtpSender
from media.rtp.packet import build
from tests.media.srtp_reference import (
    RTCP_LABELS,
    RTP_LABELS,
    Sessions,
    cm_protect,
    cm_protect_rtcp,
    derive,
    gcm_protect,
    gcm_protect_rtcp,
    keystream,
)

KEY = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
SHA1_80 = PROFILES["AES_CM_128_HMAC_SHA1_80"]
EACH = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def key(profile: SrtpProfile, seed: int = 1, **more: object) -> MasterKey:
    material = random.Random(seed).randbytes(profile.length)
    return MasterKey(profile=profile, material=material, **more)  # type: ignore[arg-type]


def both(profile: SrtpProfile, seed: int = 1) -> tuple[SrtpSender, SrtpReceiver]:
    return SrtpSender(key(profile, seed)), SrtpReceiver([key(profile, seed)])


def rtp(sequence: int, ssrc: int = 0xCAFEBABE, payload: bytes = b"\xab" * 160) -> bytes:
    return build(
        payload_type=0, marker=False, sequence=sequence, timestamp=sequence * 160, ssrc=ssrc, payload=payload
    )


def protected(sender: SrtpSender, packet: bytes) -> bytes:
    result = sender.protect(packet)
    assert result is not None
    return result


def reference(profile: SrtpProfile, packet: bytes, master: bytes, roc: int) -> bytes:
    sessions = Sessions.of(master[: profile.key], master[profile.key :], RTP_LABELS)
    if profile.rtp_tag:
        return cm_protect(packet, sessions, roc, profile.rtp_tag)
    return gcm_protect(packet, sessions, roc)


def rtcp_reference(
    profile: SrtpProfile, packet: bytes, master: bytes, index: int, *, encrypted: bool = True
) -> bytes:
    sessions = Sessions.of(master[: profile.key], master[profile.key :], RTCP_LABELS)
    protect = cm_protect_rtcp if profile.rtcp_tag else gcm_protect_rtcp
    return protect(packet, sessions, index, encrypted=encrypted)


# --- the reference has the vectors of the RFCs --------------------------------------------------------------


@pytest.mark.req("SRTP-6")
@pytest.mark.parametrize(
    ("label", "value"),
    [
        (0, "C61E7A93744F39EE10734AFE3FF7A087"),
        (1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"),
        (2, "30CBBC08863D8C85D49DB34A9AE1"),
        (3, "4C1AA45A81F73D61C800BBB00FBB1EAA"),
        (4, "8D54534FEB49AE8E7993A6BD0B844FC323A93DFD"),
        (5, "9581C7AD87B3E530BF3E4454A8B3"),
    ],
)
def test_session_keys_of_rfc_3711_b3(label: int, value: str) -> None:
    assert derive(KEY, SALT, label, len(value) // 2) == bytes.fromhex(value)


@pytest.mark.req("SRTP-7")
def test_keystream_of_rfc_3711_b2() -> None:
    stream = keystream(
        bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000, 48
    )
    assert stream.hex() == (
        "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0"
    )


GALLIA = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"


@pytest.mark.req("SRTP-11")
@pytest.mark.parametrize(
    ("length", "sealed"),
    [
        (
            16,
            (
                "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
                "899d7f27beb16a9152cf765ee4390cce"
            ),
        ),
        (
            32,
            (
                "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
                "7aa3db36dfffd6b0f9bb7878d7a76c13"
            ),
        ),
    ],
)
def test_packets_of_rfc_7714_16(length: int, sealed: str) -> None:
    keys = Sessions(bytes(range(length)), b"Quid pro quo", b"")
    assert gcm_protect(GALLIA, keys, 0) == GALLIA[:12] + bytes.fromhex(sealed)


REPORT = bytes.fromhex(
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)


@pytest.mark.req("SRTP-12")
@pytest.mark.parametrize(
    ("length", "encrypted", "sealed"),
    [
        (
            16,
            True,
            (
                "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
                "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
            ),
        ),
        (
            32,
            True,
            (
                "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50"
                "a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4"
            ),
        ),
        (16, False, REPORT.hex() + "841dd9683dd78ec92ae58790125f62b3000005d4"),
        (32, False, REPORT.hex() + "91db4afbfeee5a978fab4393ed2615fe000005d4"),
    ],
)
def test_rtcp_packets_of_rfc_7714_17(length: int, encrypted: bool, sealed: str) -> None:
    keys = Sessions(bytes(range(length)), b"Quid pro quo", b"")
    assert gcm_protect_rtcp(REPORT, keys, 0x5D4, encrypted=encrypted).hex() == sealed


# --- ours has the packets of the RFCs -----------------------------------------------------------------------


@pytest.mark.req("SRTP-1", "SRTP-7", "SRTP-8")
def test_packets_of_the_default_suite() -> None:
    sender = SrtpSender(MasterKey(profile=SHA1_80, material=KEY + SALT))
    packet = bytes.fromhex("800f1234decafbadcafebabe") + b"\xab" * 16
    first = protected(sender, packet)
    assert first.hex() == "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
    # the whole cycle of sequence numbers later
    for sequence in (0x7000, 0xF000, 0x0001):
        protected(sender, packet[:2] + sequence.to_bytes(2, "big") + packet[4:])
    again = protected(sender, packet)
    assert again.hex() == "800f1234decafbadcafebabe179265c8bf303e4c24e7279f739bb5a6f8b3916fd670057bf1dc"


@pytest.mark.req("SRTP-9")
def test_rtcp_packets_of_the_default_suite() -> None:
    sender = SrtpSender(MasterKey(profile=SHA1_80, material=KEY + SALT))
    receiver = SrtpReceiver([MasterKey(profile=SHA1_80, material=KEY + SALT)])
    vectors = (
        ("80c90001cafebabe", "80c90001cafebabe80000000d825119a20fdc9a5f9fb"),
        (
            "81c8000bcafebabe" + "ab" * 16,
            "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
        ),
    )
    for plain, sealed in vectors:
        assert receiver.unprotect_rtcp(bytes.fromhex(sealed)) == bytes.fromhex(plain)
    master = KEY + SALT
    for plain, sealed in vectors:
        index = int(sealed[-28:-20], 16) & 0x7FFFFFFF
        assert rtcp_reference(SHA1_80, bytes.fromhex(plain), master, index).hex() == sealed
    numbers = [sender.protect_rtcp(bytes.fromhex(vectors[0][0])) or b"" for _ in range(3)]
    steps = [int.from_bytes(packet[8:12], "big") for packet in numbers]
    assert [step - steps[0] for step in steps] == [0, 1, 2]


@EACH
@pytest.mark.req("SRTP-1", "SRTP-11", "SRTP-13", "SRTP-7")
@given(
    csrc=st.lists(st.binary(min_size=4, max_size=4), max_size=15),
    extension=st.none() | st.integers(0, 5),
    payload=st.binary(max_size=1000),
    sequence=st.integers(0, 0xFFFF),
    seed=st.integers(0, 1 << 16),
)
def test_every_packet_is_what_the_rfcs_say(
    profile: SrtpProfile, csrc: list[bytes], extension: int | None, payload: bytes, sequence: int, seed: int
) -> None:
    head = bytes([0x80 | (0x10 if extension is not None else 0) | len(csrc), 0]) + sequence.to_bytes(2, "big")
    more = b"" if extension is None else b"\xbe\xde" + extension.to_bytes(2, "big") + bytes(4 * extension)
    packet = head + b"time" + b"ssrc" + b"".join(csrc) + more + payload
    sender, receiver = both(profile, seed)
    sealed = protected(sender, packet)
    assert sealed == reference(profile, packet, sender.key.material, 0)
    assert receiver.unprotect(sealed) == packet


@EACH
@pytest.mark.req("SRTP-9", "SRTP-12", "SRTP-13")
@given(words=st.integers(1, 60), seed=st.integers(0, 1 << 16))
def test_every_rtcp_packet_is_what_the_rfcs_say(profile: SrtpProfile, words: int, seed: int) -> None:
    packet = b"\x80\xc9" + words.to_bytes(2, "big") + random.Random(seed).randbytes(4 * words)
    sender, receiver = both(profile, seed)
    sealed = sender.protect_rtcp(packet)
    assert sealed is not None
    e_and_index = sealed[-4:] if not profile.rtcp_tag else sealed[-14:-10]
    index = int.from_bytes(e_and_index, "big") & 0x7FFFFFFF
    assert sealed == rtcp_reference(profile, packet, sender.key.material, index)
    assert receiver.unprotect_rtcp(sealed) == packet


# --- what arrives -------------------------------------------------------------------------------------------


@EACH
@pytest.mark.req("SRTP-3")
def test_a_replayed_forged_or_late_packet_changes_nothing(profile: SrtpProfile) -> None:
    sender, receiver = both(profile)
    sealed = [protected(sender, rtp(sequence)) for sequence in range(200)]
    assert receiver.unprotect(sealed[0]) == rtp(0)
    assert receiver.unprotect(sealed[0]) == "SRTP packet replayed"
    for place in (1, 3, 20, len(sealed[1]) - 1):
        forged = bytearray(sealed[1])
        forged[place] ^= 2
        assert receiver.unprotect(bytes(forged)) == "SRTP packet not authentic"
    assert receiver.unprotect(sealed[1]) == rtp(1), "a forgery does not use the number up"
    assert receiver.unprotect(sealed[199]) == rtp(199)
    assert receiver.unprotect(sealed[80]) == rtp(80), "within the window"
    assert receiver.unprotect(sealed[60]) == "SRTP packet replayed", "older than the window"


@EACH
@pytest.mark.req("SRTP-2")
def test_the_rollover_counter_follows_wrap_reordering_and_loss(profile: SrtpProfile) -> None:
    sender, receiver = both(profile)
    order = [*range(65500, 65536), *range(40)]
    sealed = {sequence: protected(sender, rtp(sequence)) for sequence in order}
    assert sealed[3] == reference(profile, rtp(3), sender.key.material, 1)
    arriving = [*order[:30], 2, 0, 65535, 65531, 1, *order[42:]]
    assert [receiver.unprotect(sealed[each]) for each in arriving] == [rtp(each) for each in arriving]
    far = 39 + 32767
    assert receiver.unprotect(protected(sender, rtp(far))) == rtp(far), "loss of nearly half a cycle"
    far = (far + 32767) & 0xFFFF
    assert receiver.unprotect(protected(sender, rtp(far))) == rtp(far)
    forged = bytearray(reference(profile, rtp(10), sender.key.material, 5))
    forged[-1] ^= 1
    assert receiver.unprotect(bytes(forged)) == "SRTP packet not authentic"
    near = (far + 100) & 0xFFFF
    assert receiver.unprotect(protected(sender, rtp(near))) == rtp(near), "a forgery does not move it"


@pytest.mark.req("SRTP-4")
def test_70000_packets_go_through() -> None:
    sender, receiver = both(SHA1_80)
    packet = sealed = b""
    for index in range(70_000):
        packet = rtp(index & 0xFFFF, payload=b"\x55")
        sealed = protected(sender, packet)
        if index % 7 == 0 or index > 69_900:
            assert receiver.unprotect(sealed) == packet
    assert sealed == reference(SHA1_80, packet, sender.key.material, 1)
    assert sender.protect(packet) is None, "no index is used twice"


@pytest.mark.req("SRTP-10")
def test_strangers_make_no_entries() -> None:
    sender, receiver = both(SHA1_80)
    for ssrc in range(2000):
        assert receiver.unprotect(rtp(1, ssrc=ssrc)) == "SRTP packet not authentic"
    # had a stranger left an entry, the first true packet of that source would find its numbers used up
    for ssrc in range(0, 2000, 100):
        assert receiver.unprotect(protected(sender, rtp(1, ssrc=ssrc))) == rtp(1, ssrc=ssrc)


@EACH
@pytest.mark.req("SRTP-5")
def test_a_key_wears_out(profile: SrtpProfile) -> None:
    limited = key(profile, packets=profile.packets)
    sender = SrtpSender(limited, sent=profile.packets - 1, sent_rtcp=RTCP_PACKETS - 1)
    receiver = SrtpReceiver([limited], received=profile.packets - 1)
    assert receiver.unprotect(protected(sender, rtp(1))) == rtp(1)
    assert sender.protect(rtp(2)) is None
    fresh = SrtpSender(limited)
    assert receiver.unprotect(protected(fresh, rtp(2))) == "SRTP key is worn out"
    report = bytes.fromhex("80c90001cafebabe")
    assert sender.protect_rtcp(report) is not None
    assert sender.protect_rtcp(report) is None


@EACH
@pytest.mark.req("SRTP-15")
def test_an_mki_chooses_the_key(profile: SrtpProfile) -> None:
    keys = [key(profile, 1, mki=b"\0\0\0\1"), key(profile, 2, mki=b"\0\0\0\2")]
    receiver = SrtpReceiver(keys)
    for each in keys:
        sender = SrtpSender(MasterKey(profile=profile, material=each.material))
        sealed = protected(sender, rtp(7))
        place = len(sealed) - profile.rtp_tag
        marked = sealed[:place] + each.mki + sealed[place:]
        assert receiver.unprotect(marked) == rtp(7)
        unknown = sealed[:place] + b"\0\0\0\3" + sealed[place:]
        assert receiver.unprotect(unknown) == "SRTP packet with an unknown MKI"
        report = bytes.fromhex("80c90001cafebabe")
        sealed = sender.protect_rtcp(report) or b""
        place = len(sealed) - profile.rtcp_tag
        assert receiver.unprotect_rtcp(sealed[:place] + each.mki + sealed[place:]) == report
    assert receiver.unprotect(b"\x80") == "SRTP packet with an unknown MKI"


@EACH
@given(packet=st.binary(max_size=1600))
def test_nothing_that_arrives_raises(profile: SrtpProfile, packet: bytes) -> None:
    receiver = SrtpReceiver([key(profile)])
    assert isinstance(receiver.unprotect(packet), str)
    assert isinstance(receiver.unprotect_rtcp(packet), str)


def test_a_packet_that_is_too_long_is_not_sent() -> None:
    sender, _ = both(SHA1_80)
    assert sender.protect(rtp(1, payload=bytes(1400))) is None
    assert sender.protect(rtp(2, payload=bytes(1300))) is not None


def test_a_key_of_the_wrong_length_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="needs 30 bytes"):
        MasterKey(profile=SHA1_80, material=bytes(28))


def test_keys_are_not_shown() -> None:
    assert KEY.hex() not in repr(MasterKey(profile=SHA1_80, material=KEY + SALT)).lower()
    assert "xe1" not in repr(MasterKey(profile=SHA1_80, material=KEY + SALT))

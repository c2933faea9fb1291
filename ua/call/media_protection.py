"""SRTP of one call: keys of the descriptions or of DTLS become protected paths for its media."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from ice.paths import plain
from ice.paths.path import SelectedPath
from media.errors import HandshakeFailed
from media.path import PacketPath
from media.protection.dtls_runner import DtlsRunner
from media.protection.secure_path import SecurePath
from media.protection.srtp import PROFILES, MasterKey, SrtpReceiver, SrtpSender
from sdp.attributes.fingerprint_attr import DtlsRole
from sdp.media_paths import Paths
from sdp.negotiation.keying import DtlsTerms, Keys, SdesKeys
from ua import clock
from ua.call.identity import DtlsIdentity
from ua.errors import NoMediaPath


class MediaProtection:
    """Protects what was agreed to be protected.

    Args:
        identity: our certificate.
        record: writes an entry of the call into the log.

    Attributes:
        profile: name of the SRTP profile in use, None for plain RTP and before there are keys.
    """

    def __init__(self, identity: DtlsIdentity, record: Callable[..., None]) -> None:
        self.profile: str | None = None
        self._identity = identity
        self._record = record
        self._paths: list[SecurePath] = []
        self._unopened: list[SecurePath] = []
        self._runners: list[DtlsRunner] = []
        self._keys: Keys | None = None
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def protect(self, paths: Paths, keys: Keys | None) -> tuple[PacketPath, PacketPath]:
        """The paths of RTP and RTCP for media; the same without keys. With DTLS it waits for the handshake.

        Raises:
            NoMediaPath: the handshake failed, or the peer is not who signalling says.
        """
        if keys is None:
            return paths
        rtp = self._secure(paths.rtp)
        rtcp: PacketPath = rtp
        if isinstance(paths.rtcp, SelectedPath) and paths.rtcp is not paths.rtp:
            rtcp = self._secure(paths.rtcp)
        elif paths.rtcp is not paths.rtp:
            rtcp = paths.rtcp
        self.follow(keys)
        try:
            for runner in self._runners:
                await runner.completed()
        except HandshakeFailed as error:
            raise NoMediaPath(
                f"media cannot be protected: {error}", hint="somebody on the way may have changed it"
            ) from error
        self._told(keys)
        return rtp, rtcp

    def _secure(self, path: SelectedPath) -> SecurePath:
        secure = SecurePath(path)
        self._paths.append(secure)
        if path.pair is None:
            self._unopened.append(secure)
        return secure

    def follow(self, keys: Keys | None) -> None:
        """An exchange came to these keys: the same, others, or those of another association."""
        before, self._keys = self._keys, keys
        match keys:
            case SdesKeys():
                self._use(keys)
                if isinstance(before, SdesKeys) and before != keys:
                    self._told(keys)
            case DtlsTerms():
                if not isinstance(before, DtlsTerms) or keys.needs_new_association(before):
                    self._shake_hands(keys)
            case None:
                pass

    def _use(self, keys: SdesKeys) -> None:
        self.profile = PROFILES[keys.suite.name].name
        for path in self._paths:
            use(keys, path)

    def _shake_hands(self, terms: DtlsTerms) -> None:
        if not self._runners:
            certificate = self._identity.certificate
            # Packets of a peer that was quicker than its answer have waited on the path (RFC 8842 §5.2).
            self._runners = [
                DtlsRunner(path, certificate, clock=clock.now, on_end=self._end) for path in self._paths
            ]
        fingerprints = [(each.hash, each.digest) for each in terms.fingerprints]
        for path in self._unopened if terms.role is DtlsRole.SERVER else ():
            # RFC 5763 §6.7.2: behind a NAT nothing comes to who has sent nothing.
            path.send_dtls(plain.opening(secrets.token_bytes(12)))
        self._unopened.clear()
        for runner in self._runners:
            runner.begin(is_client=terms.role is DtlsRole.CLIENT, fingerprints=fingerprints)

    def _told(self, keys: Keys) -> None:
        for runner in self._runners:
            self.profile = None if runner.profile is None else runner.profile.name
        by = "sdes" if isinstance(keys, SdesKeys) else "dtls"
        self._record("protected", profile=self.profile, by=by)

    def _end(self, reason: str, failed: bool) -> None:
        """No more media. A peer that only closes its association is about to hang up."""
        self._record("protection_ended", reason=reason)
        if failed and not self._lost.done():
            self._lost.set_result(reason)

    def on_refused(self, refused: Callable[[str, float], None]) -> None:
        """Tell `refused` of each arriving packet that is dropped."""
        for path in self._paths:
            path.on_refused(refused)

    async def lost(self) -> None:
        """Return never; raises NoMediaPath where a further handshake fails while the call stands."""
        raise NoMediaPath(f"media is protected no more: {await asyncio.shield(self._lost)}")

    def close(self) -> None:
        """End the associations and let go of the paths."""
        for runner in self._runners:
            runner.close()
        for path in self._paths:
            path.close()
        self._lost.cancel()


def use(keys: SdesKeys, path: SecurePath) -> None:
    """Protect what goes over a path by keys of the descriptions."""
    profile = PROFILES[keys.suite.name]
    local = MasterKey(profile=profile, material=keys.local)
    remote = [MasterKey(profile=profile, material=key.material, mki=key.mki or b"") for key in keys.remote]
    path.use_keys(SrtpSender(local), SrtpReceiver(remote), clock.now())

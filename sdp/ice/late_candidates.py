"""Candidates that the peer found after its description: half trickle (RFC 8840 §4.4)."""

from __future__ import annotations

from collections import Counter

from ice.candidates.trickle import CandidateMessage
from ice.session import Session
from sdp.ice.fragment import Fragment
from sdp.negotiation.negotiated import NegotiatedMedia


class LateCandidates:
    """Hands the candidates of fragments to an ICE session, each once.

    Args:
        session: takes them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers: Counter[str] = Counter()
        self._early: Fragment | None = None

    def take(self, fragment: Fragment, started: NegotiatedMedia | None) -> list[str]:
        """Take a fragment; gives what was of no use, and why.

        Fragments repeat what was said before; every candidate is used once (RFC 8840 §4.4). One that comes
        before the description (`started` is None) waits for it.
        """
        remarks: list[str] = []
        if started is None:
            self._early = fragment
            return []
        for section in fragment.sections:
            if started.ice is None:
                remarks.append("candidates for a stream without ICE")
            elif section.mid not in (None, started.mid):
                remarks.append(f"candidates for the m= line {section.mid!r}, which is not used")
            elif section.credentials != started.ice.credentials:
                remarks.append("candidates of another ICE generation")
            else:
                ufrag = section.credentials.ufrag
                self._numbers[ufrag] += 1
                self._session.trickle.receive(
                    CandidateMessage(
                        ufrag=ufrag,
                        number=self._numbers[ufrag],
                        candidates=section.candidates,
                        end_of_candidates=section.end_of_candidates,
                    )
                )
        return remarks

    def begin(self, started: NegotiatedMedia) -> None:
        """The description is there: take the fragment that came before it."""
        early, self._early = self._early, None
        if early is not None:
            self.take(early, started)

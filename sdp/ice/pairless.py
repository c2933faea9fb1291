"""An answer that leaves no candidate pair: what one side has over UDP alone, the other has over TCP alone.

ICE itself is patient with an empty check list for 39.5 s, for peer-reflexive candidates might come (RFC 8863
§4). Of an answer, which has all candidates of its side, we believe that none of the other transport will.
"""

from __future__ import annotations

from ice.types import Description


def why(ours: Description, answer: Description) -> str:
    """One sentence where no pair can be made; empty where one can, or where candidates may follow.

    Args:
        ours: all that we have.
        answer: what the other side told; an offer may have left out what its checks show.
    """
    if not ours.candidates or not answer.candidates or not answer.end_of_candidates:
        return ""
    we, they = ({each.transport for each in side.candidates} for side in (ours, answer))
    if we & they:
        return ""
    names = ["/".join(sorted(each.value.upper() for each in side)) for side in (we, they)]
    return f"our candidates are {names[0]} alone, those of the other side {names[1]} alone"

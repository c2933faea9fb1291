"""Who waits for responses: the users of our client transactions."""

from __future__ import annotations

from ua.sip.containment import Containment
from ua.sip.errors import SipError
from ua.sip.transaction.messages import ClientKey, ResponseReceived
from ua.sip.users import ClientUser


class Clients:
    """The users of client transactions, each until its last response.

    A transaction lives on to absorb repeats, up to 64*T1, and holds no user then: whole calls hang on them.
    Only a 2xx to an INVITE may be followed by others, of other phones (RFC 3261 §13.2.2.4).
    """

    def __init__(self, containment: Containment) -> None:
        self._containment = containment
        self._users: dict[ClientKey, ClientUser] = {}

    def __len__(self) -> int:
        return len(self._users)

    def add(self, key: ClientKey, user: ClientUser) -> None:
        """A request goes out."""
        self._users[key] = user

    def respond(self, event: ResponseReceived) -> None:
        """Hand a response to whoever waits for it."""
        user = self._users.get(event.key)
        if user is None:
            return
        response = event.response
        self._containment.call(lambda: user.on_response(response))
        if response.is_final and not (response.is_success and event.key.method == "INVITE"):
            self.end(event.key)

    def fail(self, key: ClientKey, error: SipError) -> None:
        """No response will come."""
        user = self._users.get(key)
        if user is not None:
            user.on_failure(error)

    def end(self, key: ClientKey) -> None:
        """No response will come any more; the second time nothing happens."""
        user = self._users.pop(key, None)
        if user is not None:
            user.on_ended()

    def abandon(self, error: SipError) -> None:
        """The endpoint is closed."""
        users = list(self._users.values())
        for user in users:
            user.on_failure(error)
        self._users.clear()

"""The page as it is served: whole, and where the command line says."""

from __future__ import annotations

import dataclasses
import re

from tests.ua.browser import Elements
from ua.cli.web import pages, with_web
from ua.config.account import Account
from ua.sip.transport.websocket.config import WebSocketConfig
from ua.web.page import phone_page

ADDRESSES = (
    "sip:bob@192.0.2.1:5060",
    "sip:bob@192.0.2.1:5060;transport=tcp",
    "sip:bob@192.0.2.1:8088;transport=ws",
    "sips:bob@192.0.2.1:8443;transport=ws",
)
ACCOUNT = Account(uri="sip:bob@example.com", auth_user="bob", listen_host="0.0.0.0")


def test_the_page_asks_for_nothing_else() -> None:
    text = phone_page().decode()
    elements = Elements(text)
    assert elements.count("script") == 4
    assert not [found for name, found in elements.tags if "src" in found]
    assert elements.find("link", rel="icon")[0]["href"] == "data:,"
    assert not re.findall(r"https?://", text), "nothing of it comes from elsewhere"
    assert "class UserAgent" in text
    assert "class Call " in text


def test_where_the_page_is() -> None:
    web = with_web(ACCOUNT, 8088)
    assert web.ws_port == 8088
    assert web.websocket.page == phone_page()
    assert pages(web, ADDRESSES) == ["http://localhost:8088/", "https://192.0.2.1:8443/"]
    there = dataclasses.replace(web, listen_host="127.0.0.1", websocket=WebSocketConfig(path="/a", page=b"x"))
    assert pages(there, ("sip:bob@127.0.0.1:1;transport=ws",)) == ["http://127.0.0.1:1/a"]
    assert pages(there, ("sip:[::1]:1;transport=ws",)) == ["http://[::1]:1/a"]


def test_without_the_option_there_is_none() -> None:
    assert with_web(ACCOUNT, None) is ACCOUNT
    assert pages(ACCOUNT, ADDRESSES) == []

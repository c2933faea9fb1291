"""Session descriptions as real agents write them, with documentation addresses."""
# ruff: noqa: E501

from __future__ import annotations


def crlf(text: str) -> str:
    """The lines of `text`, each ended by CRLF."""
    return "".join(f"{line}\r\n" for line in text.strip("\n").split("\n"))


# RFC 8866 §5
RFC8866_SAMPLE = crlf("""
v=0
o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
s=Call to John Smith
i=SDP Offer #1
u=http://www.jdoe.example.com/home.html
e=Jane Doe <jane@jdoe.example.com>
p=+1 617 555-6011
c=IN IP4 198.51.100.1
t=0 0
m=audio 49170 RTP/AVP 0
m=audio 49180 RTP/AVP 0
m=video 51372 RTP/AVP 99
c=IN IP6 2001:db8::2
a=rtpmap:99 h263-1998/90000
""")

# RFC 6544 Appendix C
RFC6544_OFFER_1 = crlf("""
v=0
o=jdoe 2890844526 2890842807 IN IP4 10.0.1.1
s=
c=IN IP4 192.0.2.3
t=0 0
a=ice-pwd:asd88fgpdd777uzjYhagZg
a=ice-ufrag:8hhY
m=audio 45664 TCP/RTP/AVP 0
b=RS:0
b=RR:0
a=rtpmap:0 PCMU/8000
a=setup:active
a=connection:new
a=candidate:1 1 TCP 2128609279 10.0.1.1 9 typ host tcptype active
a=candidate:2 1 TCP 2124414975 10.0.1.1 8998 typ host tcptype passive
a=candidate:3 1 TCP 2120220671 10.0.1.1 8999 typ host tcptype so
a=candidate:4 1 TCP 1688207359 192.0.2.3 9 typ srflx raddr 10.0.1.1 rport 9 tcptype active
a=candidate:5 1 TCP 1684013055 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998 tcptype passive
a=candidate:6 1 TCP 1692401663 192.0.2.3 45687 typ srflx raddr 10.0.1.1 rport 8999 tcptype so
""")

RFC6544_ANSWER_1 = crlf("""
v=0
o=bob 2808844564 2808844564 IN IP4 192.0.2.1
s=
c=IN IP4 192.0.2.1
t=0 0
a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh
a=ice-ufrag:9uB6
m=audio 3478 TCP/RTP/AVP 0
b=RS:0
b=RR:0
a=setup:passive
a=connection:new
a=rtpmap:0 PCMU/8000
a=candidate:1 1 TCP 2128609279 192.0.2.1 9 typ host tcptype active
a=candidate:2 1 TCP 2124414975 192.0.2.1 3478 typ host tcptype passive
a=candidate:3 1 TCP 2120220671 192.0.2.1 3482 typ host tcptype so
""")

RFC6544_OFFER_2 = crlf("""
v=0
o=jdoe 2890844526 2890842807 IN IP4 10.0.1.1
s=
c=IN IP4 192.0.2.3
t=0 0
a=ice-pwd:asd88fgpdd777uzjYhagZg
a=ice-ufrag:8hhY
m=audio 45664 RTP/AVP 0
b=RS:0
b=RR:0
a=rtpmap:0 PCMU/8000
a=candidate:1 1 TCP 2111832063 10.0.1.1 9 typ host tcptype active
a=candidate:2 1 TCP 2107637759 10.0.1.1 9012 typ host tcptype passive
a=candidate:3 1 TCP 1671430143 192.0.2.3 9 typ srflx raddr 10.0.1.1 rport 9 tcptype active
a=candidate:4 1 TCP 1667235839 192.0.2.3 44642 typ srflx raddr 10.0.1.1 rport 9012 tcptype passive
a=candidate:5 1 UDP 2130706431 10.0.1.1 8998 typ host
a=candidate:6 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998
""")

RFC6544_ANSWER_2 = crlf("""
v=0
o=bob 2808844564 2808844564 IN IP4 192.0.2.1
s=
c=IN IP4 192.0.2.1
t=0 0
a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh
a=ice-ufrag:9uB6
m=audio 3478 RTP/AVP 0
b=RS:0
b=RR:0
a=rtpmap:0 PCMU/8000
a=candidate:1 1 TCP 2111832063 192.0.2.1 9 typ host tcptype active
a=candidate:2 1 TCP 2107637759 192.0.2.1 3478 typ host tcptype passive
a=candidate:3 1 UDP 2130706431 192.0.2.1 3478 typ host
""")

# A softphone without rtcp-mux and without ice2; credentials at session level.
BARESIP_OFFER = crlf("""
v=0
o=- 1657668531 1260190173 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=tool:baresip 1.0.0
a=ice-ufrag:ynfcOTw
a=ice-pwd:EI0BBVA3ZlQ5QtlDGqIilfavySlvACN
m=audio 10012 RTP/AVP 8 0 101
c=IN IP4 127.0.0.1
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:10013 IN IP4 127.0.0.1
a=sendrecv
a=label:1
a=rtcp-rsize
a=ssrc:3767602325 cname:sip:alice@127.0.0.1
a=minptime:20
a=ptime:20
a=candidate:c0000202 1 UDP 2113929471 192.0.2.2 10012 typ host
a=candidate:c0000202 2 UDP 2113929470 192.0.2.2 10013 typ host
a=candidate:020000fd 1 UDP 2113929471 fd00::2 10012 typ host
a=candidate:020000fd 2 UDP 2113929470 fd00::2 10013 typ host
a=candidate:7f000000 1 UDP 1677721855 127.0.0.1 10012 typ srflx raddr 192.0.2.2 rport 10012
a=candidate:7f000000 2 UDP 1677721854 127.0.0.1 10013 typ srflx raddr 192.0.2.2 rport 10013
""")

# The same phone in its answer to an offer whose RTCP default had no candidate.
BARESIP_MISMATCH_ANSWER = crlf("""
v=0
o=- 1132885293 2020226778 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=tool:baresip 1.0.0
a=ice-ufrag:koojwFp
a=ice-pwd:JrY2HGnCUbA5oRYNqibNfmf4Ddrt7O3
m=audio 10024 RTP/AVP 8 101
c=IN IP4 192.0.2.2
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:10025 IN IP4 192.0.2.2
a=sendrecv
a=ptime:20
a=candidate:c0000202 1 UDP 2113929471 192.0.2.2 10024 typ host
a=candidate:c0000202 2 UDP 2113929470 192.0.2.2 10025 typ host
a=ice-mismatch
""")

# No a=rtcp, RTCP on the next port; no rtpmap for the static payload type.
LINPHONE_ANSWER = crlf("""
v=0
o=dave 486 10 IN IP4 127.0.0.1
s=Talk
c=IN IP4 127.0.0.1
t=0 0
a=ice-pwd:32a9ed5667e4fb8db9673200
a=ice-ufrag:b2233b94
m=audio 11100 RTP/AVP 8 101
c=IN IP4 192.0.2.2
a=rtpmap:101 telephone-event/8000
a=candidate:1 1 UDP 2130706303 192.0.2.2 11100 typ host
a=candidate:1 2 UDP 2130706302 192.0.2.2 11101 typ host
""")

# One component only and no rtcp-mux.
SIPP_OFFER = crlf("""
v=0
o=alice 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 7100 RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=ice-ufrag:9uB6
a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh
a=candidate:1 1 UDP 2130706431 127.0.0.1 7100 typ host
a=candidate:2 1 TCP 1671430143 127.0.0.1 9 typ host tcptype active
a=candidate:3 1 TCP 1671430142 127.0.0.1 7100 typ host tcptype passive
a=setup:actpass
a=connection:new
""")

CHROMIUM_OFFER = crlf("""
v=0
o=- 33145201617621687 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS c02f001f-3dfb-4431-b669-938c6ba2a865
m=audio 49260 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 127.0.0.1
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:980770298 1 udp 2122194687 192.0.2.2 33390 typ host generation 0 network-id 1
a=candidate:1797656238 1 udp 25042943 127.0.0.1 49260 typ relay raddr 127.0.0.1 rport 37558 generation 0 network-id 1
a=candidate:3302984046 1 tcp 1518214911 192.0.2.2 9 typ host tcptype active generation 0 network-id 1
a=candidate:263800974 1 tcp 1518285567 fd00::2 9 typ host tcptype active generation 0 network-id 2
a=ice-ufrag:hxI4
a=ice-pwd:rwPvAQnc3SldK6KSPpIHsg56
a=ice-options:trickle
a=fingerprint:sha-256 48:CC:35:F1:E7:27:90:35:AD:4C:DA:72:C2:EF:F4:A5:17:0D:DA:7F:69:48:FD:A9:D6:67:C7:9A:F4:05:31:49
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:c02f001f-3dfb-4431-b669-938c6ba2a865 8f76be0e-0e0a-4eeb-a69f-fea6ccd1071d
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:2765100284 cname:cfPg1SeFNKADcRn3
""")

# A PBX endpoint with ICE: foundations with a letter, link-local addresses, two event clocks.
PBX_ICE_OFFER = crlf("""
v=0
o=- 1203958113 1203958113 IN IP4 198.51.100.20
s=Asterisk
c=IN IP4 198.51.100.20
t=0 0
m=audio 14562 RTP/AVP 0 8 101 102
a=ice-ufrag:0ad33ed10d1f1cb7
a=ice-pwd:5a2b6d8c12f1c9d8a4b1e0f37c55aa10
a=candidate:Hc6336414 1 UDP 2130706431 198.51.100.20 14562 typ host
a=candidate:H5fe80011 1 UDP 2130706431 fe80::216:3eff:fe00:11 14562 typ host
a=candidate:Hc6336414 2 UDP 2130706430 198.51.100.20 14563 typ host
a=candidate:H5fe80011 2 UDP 2130706430 fe80::216:3eff:fe00:11 14563 typ host
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=rtpmap:102 telephone-event/48000
a=fmtp:101 0-16
a=fmtp:102 0-16
a=ptime:20
a=maxptime:150
a=sendrecv
""")

# A PBX that answers with one codec, lower-case candidates and no direction.
PBX_LOWER_CASE_ANSWER = crlf("""
v=0
o=FreeSWITCH 1732193522 1732193523 IN IP4 198.51.100.30
s=FreeSWITCH
c=IN IP4 198.51.100.30
t=0 0
a=msid-semantic: WMS 7Yq2
m=audio 24680 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=rtcp:24681 IN IP4 198.51.100.30
a=ice-ufrag:fTBuECNvOX1pVQdn
a=ice-pwd:vdqkP9Ia3SmvTkzRLzS2Hy0x
a=candidate:6443838214 1 udp 2130706431 198.51.100.30 24680 typ host generation 0
a=candidate:6443838214 2 udp 2130706430 198.51.100.30 24681 typ host generation 0
a=end-of-candidates
""")

PBX_PLAIN_OFFER = crlf("""
v=0
o=root 561 561 IN IP4 198.51.100.20
s=session
c=IN IP4 198.51.100.20
t=0 0
m=audio 17208 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
""")

# A media server: ICE lite, active candidate with port 0, DTLS-SRTP.
JANUS_ANSWER = crlf("""
v=0
o=- 33145201617621687 2 IN IP4 192.0.2.2
s=VideoRoom
t=0 0
a=group:BUNDLE 0
a=ice-options:trickle
a=ice-lite
a=msid-semantic: WMS janus
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 192.0.2.2
a=sendrecv
a=mid:0
a=rtcp-mux
a=ice-ufrag:DYAP
a=ice-pwd:KK5Wf0vVnSZ5Dq0tPbWm6G
a=setup:active
a=rtpmap:111 opus/48000/2
a=candidate:1 1 udp 2015363327 192.0.2.2 20172 typ host
a=candidate:2 1 tcp 1015021823 192.0.2.2 0 typ host tcptype active
a=candidate:3 1 tcp 1010827519 192.0.2.2 20062 typ host tcptype passive
a=end-of-candidates
""")

# The syntax of draft-rosenberg-mmusic-ice-tcp-00: no ice-ufrag, bare setup, "inactive" for "passive".
DRAFT_2005_OFFER = crlf("""
v=0
o=jdoe 2890844526 2890842807 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 9 TCP/RTP/AVP 0
a=holdconn
a=candidate:1 9uB6 tcp 1.0 192.0.2.1 8998 1 passw0rd
""")

ALL = {
    "rfc8866": RFC8866_SAMPLE,
    "rfc6544-offer-1": RFC6544_OFFER_1,
    "rfc6544-answer-1": RFC6544_ANSWER_1,
    "rfc6544-offer-2": RFC6544_OFFER_2,
    "rfc6544-answer-2": RFC6544_ANSWER_2,
    "baresip-offer": BARESIP_OFFER,
    "baresip-mismatch": BARESIP_MISMATCH_ANSWER,
    "linphone": LINPHONE_ANSWER,
    "sipp": SIPP_OFFER,
    "chromium": CHROMIUM_OFFER,
    "pbx-ice": PBX_ICE_OFFER,
    "pbx-lower-case": PBX_LOWER_CASE_ANSWER,
    "pbx-plain": PBX_PLAIN_OFFER,
    "janus": JANUS_ANSWER,
    "draft-2005": DRAFT_2005_OFFER,
}

"use strict";

// One call: its dialog (RFC 3261 §12) and its peer connection (RFC 8829).

const GATHERING_MS = 2000;

// Events: "change"; `state` is "calling", "ringing", "talking" or "ended", then with `reason`.
class Call extends EventTarget {
    constructor(agent, id) {
        super();
        Object.assign(this, { agent, id, tag: token(), state: "calling", reason: "", routes: [], count: 0, audio: null });
    }

    change(state) {
        if (this.state !== "ended") {
            this.state = state;
            this.dispatchEvent(new Event("change"));
        }
    }

    connect(media) {
        this.media = media;
        this.connection = new RTCPeerConnection({ rtcpMuxPolicy: "require" });
        for (const track of media.getTracks()) this.connection.addTrack(track, media);
        this.connection.ontrack = ({ track }) => {
            this.audio = new MediaStream([track]);
            this.dispatchEvent(new Event("change"));
        };
    }

    // Our description, with all candidates: the other side need not know of trickling.
    async described() {
        const connection = this.connection;
        await connection.setLocalDescription();
        if (connection.iceGatheringState !== "complete") {
            await new Promise((resolve) => {
                setTimeout(resolve, GATHERING_MS);
                connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
            });
        }
        return connection.localDescription.sdp;
    }

    number = () => ++this.count;

    lines = (method, number) => [
        ...this.routes.map((route) => `Route: ${route}`),
        `From: ${this.local}`,
        `To: ${this.remote}`,
        `Call-ID: ${this.id}`,
        `CSeq: ${number} ${method}`,
        ...(method === "INVITE" ? [`Contact: ${this.agent.contact}`, `Allow: ${ALLOW}`] : []),
    ];

    // --- we call

    async invite(target, media) {
        this.local = `<${this.agent.identity}>;tag=${this.tag}`;
        [this.remote, this.target] = [`<${target}>`, target];
        this.connect(media);
        const response = await this.agent.request("INVITE", target, this, {
            body: await this.described(),
            onBranch: (branch, number) => (this.pending = { branch, number }),
            onProvisional: (provisional) => provisional.status > 100 && this.change("ringing"),
        });
        this.pending = null;
        if (response.status >= 300) {
            this.finish(`${response.status} ${response.reason}`);
            return;
        }
        this.remote = response.get("to");
        this.target = address(response.get("contact"));
        this.routes = eachAddress(response.all("record-route")).reverse();
        this.acknowledge(response);
        if (this.state === "ended") await this.bye(); // it was quicker than our CANCEL
        else await this.understand({ type: "answer", sdp: response.body });
    }

    acknowledge(response) {
        const lines = this.lines("ACK", response.number);
        this.agent.send(`ACK ${this.target} SIP/2.0`, `z9hG4bK${token()}`, lines);
    }

    async understand(description) {
        try {
            await this.connection.setRemoteDescription(description);
            this.change("talking");
        } catch (error) {
            await this.hangUp(`the other side's media is not understood: ${error.message}`);
        }
    }

    // --- we are called

    ring(invite) {
        this.offer = invite;
        this.local = `${invite.get("to")};tag=${this.tag}`;
        this.remote = invite.get("from");
        this.target = address(invite.get("contact"));
        this.routes = eachAddress(invite.all("record-route"));
        this.incoming = true;
        this.answerWith(invite, 180);
        this.change("ringing");
    }

    answerWith(request, status, body = "") {
        return this.agent.respond(request, status, { tag: this.tag, body, lines: [`Contact: ${this.agent.contact}`, `Allow: ${ALLOW}`] });
    }

    async answer(media) {
        const invite = this.offer;
        this.connect(media);
        try {
            await this.connection.setRemoteDescription({ type: "offer", sdp: invite.body });
            this.accept(invite, await this.described());
        } catch (error) {
            this.answerWith(invite, 488);
            this.finish(`the caller's media is not understood: ${error.message}`);
            return;
        }
        this.change("talking");
    }

    // RFC 3261 §13.3.1.4: the 200 is repeated until the ACK is there.
    accept(invite, body) {
        this.offer = null;
        if (this.state === "ended") return;
        const text = this.answerWith(invite, 200, body);
        let waited = 0;
        const again = (pause) => {
            this.repeating = setTimeout(() => {
                waited += pause;
                if (waited > PATIENCE_MS) void this.hangUp("the caller does not acknowledge");
                else this.agent.write(text);
                if (waited <= PATIENCE_MS) again(Math.min(2 * pause, 4000));
            }, pause);
        };
        again(500);
    }

    async receive(request) {
        switch (request.method) {
            case "ACK":
                clearTimeout(this.repeating);
                break;
            case "BYE":
                this.agent.respond(request, 200);
                this.finish("the other side hung up");
                break;
            case "CANCEL":
                this.agent.respond(request, this.offer ? 200 : 481, { tag: this.tag });
                if (this.offer) {
                    this.answerWith(this.offer, 487);
                    this.finish("the caller gave up");
                }
                break;
            case "INVITE":
                await this.renegotiate(request);
                break;
            default:
                this.agent.respond(request, request.method === "OPTIONS" ? 200 : 405, { tag: this.tag, lines: [`Allow: ${ALLOW}`] });
        }
    }

    // Hold, resume, another path: a further offer of the other side.
    async renegotiate(invite) {
        if (this.offer || this.pending || this.connection?.signalingState !== "stable") {
            this.answerWith(invite, 491);
            return;
        }
        try {
            if (!invite.body) throw new Error("no offer");
            await this.connection.setRemoteDescription({ type: "offer", sdp: invite.body });
            this.accept(invite, await this.described());
        } catch {
            this.answerWith(invite, 488);
        }
    }

    // --- the end

    async hangUp(reason = "hung up") {
        if (this.state === "ended") return;
        const was = this.state;
        if (this.offer) {
            this.answerWith(this.offer, 603);
        } else if (this.pending) {
            const { branch, number } = this.pending;
            const lines = this.lines("CANCEL", number).filter((line) => !line.startsWith("Route:"));
            this.agent.send(`CANCEL ${this.target} SIP/2.0`, branch, lines);
        } else if (was === "talking" || this.routes.length || parameter(this.remote ?? "", "tag")) {
            void this.bye();
        }
        this.finish(reason);
    }

    async bye() {
        await this.agent.request("BYE", this.target, this);
    }

    finish(reason) {
        if (this.state === "ended") return;
        clearTimeout(this.repeating);
        this.reason = reason;
        this.change("ended");
        this.agent.calls.delete(this.id);
        this.connection?.close();
        for (const track of this.media?.getTracks() ?? []) track.stop();
    }

    // What the browser measured: the pair of ICE, packets both ways, lost ones, codec; null before there is a pair.
    async figures() {
        const reports = this.connection ? [...(await this.connection.getStats()).values()] : [];
        const byId = Object.fromEntries(reports.map((report) => [report.id, report]));
        const found = (type) => reports.find((report) => report.type === type) ?? {};
        const [pair, inbound, outbound] = [byId[found("transport").selectedCandidatePairId], found("inbound-rtp"), found("outbound-rtp")];
        if (!pair) return null;
        const [local, remote] = [byId[pair.localCandidateId], byId[pair.remoteCandidateId]];
        return {
            transport: local.protocol,
            tcptype: local.tcpType ?? null,
            remote: `${remote.address}:${remote.port}`,
            sent: outbound.packetsSent ?? 0,
            received: inbound.packetsReceived ?? 0,
            lost: inbound.packetsLost ?? 0,
            codec: byId[inbound.codecId]?.mimeType ?? null,
            dtls: found("transport").dtlsState,
            srtp: found("transport").srtpCipher ?? null,
            round_trip_ms: Math.round(1000 * (pair.currentRoundTripTime ?? 0)),
        };
    }
}

"use strict";

// A SIP user agent for one WebSocket (RFC 3261, RFC 7118), with the media of WebRTC (RFC 8829): as much as it takes to
// call, to be called and to register. Each request has one transaction, found by its branch.

const PATIENCE_MS = 32000; // RFC 3261 timers B, F and H
const ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS";
const REASONS = {
    180: "Ringing", 200: "OK", 405: "Method Not Allowed", 481: "Call/Transaction Does Not Exist", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 603: "Decline",
};

// Events: "open", "closed", "incoming" with a call.
class UserAgent extends EventTarget {
    constructor(server, { domain, user = "web", password = "" }) {
        super();
        Object.assign(this, { user, password, domain });
        this.host = `${token()}.invalid`; // a browser does not know its address (RFC 7118 §5)
        this.calls = new Map();
        this.transactions = new Map();
        this.registration = { id: token(), number: 0 };
        this.socket = new WebSocket(server, "sip");
        this.socket.onopen = () => this.dispatchEvent(new Event("open"));
        this.socket.onclose = () => {
            for (const call of this.calls.values()) call.finish("the connection to the server was lost");
            this.dispatchEvent(new Event("closed"));
        };
        this.socket.onmessage = ({ data }) => void this.receive(data);
    }

    get identity() {
        return `sip:${this.user}@${this.domain}`;
    }

    get contact() {
        return `<sip:${this.user}@${this.host};transport=ws>`;
    }

    // One request and its final response; `headers` are the lines between Via and the body.
    async request(method, uri, headers, { body = "", onBranch = () => {}, onProvisional = () => {}, authorised = true } = {}) {
        let number = headers.number();
        let extra = [];
        for (;;) {
            const branch = `z9hG4bK${token()}`;
            onBranch(branch, number);
            const response = await this.transact(method, uri, [...headers.lines(method, number), ...extra], body, branch, onProvisional);
            const [asks, answers] = response.status === 401 ? ["www-authenticate", "Authorization"] : ["proxy-authenticate", "Proxy-Authorization"];
            const challenge = response.all(asks).find((each) => /algorithm\s*=\s*"?SHA-256"?\s*(,|$)/i.test(each));
            if (![401, 407].includes(response.status) || extra.length || !authorised || !challenge || !this.password) return response;
            extra = [`${answers}: ${await digest(challenge, { method, uri, user: this.user, password: this.password })}`];
            number = headers.number();
        }
    }

    transact(method, uri, lines, body, branch, onProvisional) {
        const key = `${branch} ${method}`; // a CANCEL has the branch of its INVITE
        return new Promise((resolve) => {
            const end = (response) => {
                clearTimeout(timer);
                this.transactions.delete(key);
                resolve(response);
            };
            const late = () => end(new Message(`SIP/2.0 408 Request Timeout\r\nCSeq: 0 ${method}\r\n\r\n`));
            let timer = setTimeout(late, PATIENCE_MS);
            this.transactions.set(key, (response) => {
                if (response.status >= 200) {
                    if (method === "INVITE" && response.status >= 300) this.acknowledgeRefusal(uri, lines, branch, response);
                    end(response);
                } else if (method === "INVITE") {
                    clearTimeout(timer); // it may ring for long
                    onProvisional(response);
                }
            });
            this.send(`${method} ${uri} SIP/2.0`, branch, lines, body);
        });
    }

    acknowledgeRefusal(uri, lines, branch, response) {
        const kept = lines.filter((line) => /^(From|Call-ID|Route):/i.test(line));
        this.send(`ACK ${uri} SIP/2.0`, branch, [...kept, `To: ${response.get("to")}`, `CSeq: ${response.number} ACK`]);
    }

    send(first, branch, lines, body = "") {
        const via = `Via: SIP/2.0/${this.socket.url.startsWith("wss:") ? "WSS" : "WS"} ${this.host};branch=${branch}`;
        const all = [first, via, "Max-Forwards: 70", ...lines, ...(body ? ["Content-Type: application/sdp"] : [])];
        this.write([...all, `Content-Length: ${new TextEncoder().encode(body).length}`, "", body].join("\r\n"));
    }

    write(text) {
        if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    }

    respond(request, status, { tag = "", lines = [], body = "" } = {}) {
        const to = request.get("to");
        const text = [
            `SIP/2.0 ${status} ${REASONS[status]}`,
            ...request.headers.filter(([name]) => ["via", "record-route"].includes(name)).map(([name, value]) => `${name === "via" ? "Via" : "Record-Route"}: ${value}`),
            `From: ${request.get("from")}`,
            `To: ${parameter(to, "tag") || !tag ? to : `${to};tag=${tag}`}`,
            `Call-ID: ${request.get("call-id")}`,
            `CSeq: ${request.get("cseq")}`,
            ...lines,
            ...(body ? ["Content-Type: application/sdp"] : []),
            `Content-Length: ${new TextEncoder().encode(body).length}`,
            "",
            body,
        ].join("\r\n");
        this.write(text);
        return text;
    }

    async receive(data) {
        const text = typeof data === "string" ? data : await data.text();
        if (!text.trim()) return; // keep-alive
        const message = new Message(text);
        const call = this.calls.get(message.get("call-id"));
        if (message.status !== null) {
            const waiting = this.transactions.get(`${message.branch} ${message.method}`);
            if (waiting) waiting(message);
            else if (message.method === "INVITE" && message.status < 300 && message.status >= 200) call?.acknowledge(message); // its ACK was lost
        } else if (call) {
            await call.receive(message);
        } else if (message.method === "INVITE" && !parameter(message.get("to"), "tag")) {
            this.ring(message);
        } else if (message.method === "OPTIONS") {
            this.respond(message, 200, { tag: token(), lines: [`Allow: ${ALLOW}`, "Accept: application/sdp"] });
        } else if (message.method !== "ACK") {
            this.respond(message, ["BYE", "CANCEL", "INVITE"].includes(message.method) ? 481 : 405, { tag: token(), lines: [`Allow: ${ALLOW}`] });
        }
    }

    ring(invite) {
        const call = new Call(this, invite.get("call-id"));
        if (this.calls.size > 0 || !invite.body) {
            this.respond(invite, invite.body ? 486 : 488, { tag: call.tag });
            return;
        }
        this.calls.set(call.id, call);
        call.ring(invite);
        this.dispatchEvent(Object.assign(new Event("incoming"), { call }));
    }

    call(target, media) {
        const call = new Call(this, `${token()}@${this.host}`);
        this.calls.set(call.id, call);
        call.invite(target, media).catch((error) => call.finish(String(error)));
        return call;
    }

    // Seconds that the server granted; throws its refusal. Calls to this user reach this page from then on.
    async register(expires = 600) {
        const registration = this.registration;
        const lines = (method, number) => [
            `From: <${this.identity}>;tag=${registration.id}`,
            `To: <${this.identity}>`,
            `Call-ID: ${registration.id}@${this.host}`,
            `CSeq: ${number} ${method}`,
            `Contact: ${this.contact}`,
            `Expires: ${expires}`,
            `Allow: ${ALLOW}`,
        ];
        const response = await this.request("REGISTER", `sip:${this.domain}`, { lines, number: () => ++registration.number });
        if (response.status !== 200) throw new Error(`not registered: ${response.status} ${response.reason}`);
        const granted = Number(parameter(response.all("contact").find((each) => each.includes(this.host)) ?? "", "expires") ?? response.get("expires")) || expires;
        clearTimeout(registration.timer);
        if (expires) registration.timer = setTimeout(() => void this.register(expires).catch(() => {}), granted * 800);
        return granted;
    }

    close() {
        clearTimeout(this.registration.timer);
        this.socket.close();
    }
}

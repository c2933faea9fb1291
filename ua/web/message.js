"use strict";

// SIP messages as this phone reads them (RFC 3261 §7), and the digest of RFC 8760.

const LONG_NAMES = { v: "via", f: "from", t: "to", i: "call-id", m: "contact", l: "content-length", c: "content-type" };

const token = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const parameter = (text, name) => new RegExp(`;\\s*${name}\\s*=\\s*([^;,\\s>]+)`, "i").exec(text.replace(/<[^>]*>/, ""))?.[1];
const address = (text) => /<([^>]*)>/.exec(text)?.[1] ?? text.split(";")[0].trim();
const eachAddress = (values) => values.flatMap((value) => value.match(/<[^>]*>[^,]*/g) ?? []);

class Message {
    constructor(text) {
        const end = text.indexOf("\r\n\r\n");
        const lines = text.slice(0, end < 0 ? undefined : end).replace(/\r\n[ \t]+/g, " ").split("\r\n");
        this.first = lines.shift();
        this.body = end < 0 ? "" : text.slice(end + 4);
        this.headers = lines.map((line) => {
            const name = line.slice(0, line.indexOf(":")).trim().toLowerCase();
            return [LONG_NAMES[name] ?? name, line.slice(line.indexOf(":") + 1).trim()];
        });
        const response = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(this.first);
        this.status = response ? Number(response[1]) : null;
        this.reason = response ? response[2] : "";
        [this.method, this.uri] = response ? [this.get("cseq").split(/\s+/)[1], null] : this.first.split(" ");
    }

    get(name) {
        return this.all(name)[0] ?? "";
    }

    all(name) {
        return this.headers.filter(([each]) => each === name).map(([, value]) => value);
    }

    get branch() {
        return parameter(this.get("via"), "branch");
    }

    get number() {
        return Number.parseInt(this.get("cseq"), 10);
    }
}

async function digest(challenge, { method, uri, user, password }) {
    const given = Object.fromEntries(
        Array.from(challenge.matchAll(/(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))/g), ([, name, quoted, plain]) => [name.toLowerCase(), quoted ?? plain]),
    );
    const hash = async (text) => {
        const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
        return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
    };
    const cnonce = token();
    const secret = await hash(`${user}:${given.realm}:${password}`);
    const what = await hash(`${method}:${uri}`);
    const qop = (given.qop ?? "").split(",").some((each) => each.trim() === "auth");
    const middle = qop ? `${given.nonce}:00000001:${cnonce}:auth` : given.nonce;
    const response = await hash(`${secret}:${middle}:${what}`);
    return `Digest username="${user}", realm="${given.realm}", nonce="${given.nonce}", uri="${uri}", response="${response}", algorithm=SHA-256`
        + (given.opaque === undefined ? "" : `, opaque="${given.opaque}"`)
        + (qop ? `, qop=auth, nc=00000001, cnonce="${cnonce}"` : "");
}

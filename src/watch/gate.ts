/**
 * Who may come in. The driver is often root, every user of the machine can reach its port, and so can every page that
 * their browsers have open. So a request is served only if it comes from this machine, is for an address of this
 * machine (a foreign name that leads here is DNS rebinding), carries the token, and is not of another page.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface GateOptions {
  readonly token: string;
  /** The port that is listened on. */
  readonly port: number;
}

/** What is behind the token: `state?x=1` of `/TOKEN/state?x=1`; or why the request is refused, in one sentence. */
export type Admission =
  { readonly path: string; readonly query: URLSearchParams } | { readonly refusal: string };

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

export class Gate {
  readonly #token: Buffer;
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  constructor({ token, port }: GateOptions) {
    this.#token = digest(token);
    const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    // Browsers leave the port of http out.
    if (port === 80) hosts.push("127.0.0.1", "localhost");
    this.#hosts = new Set(hosts);
    this.#origins = new Set(hosts.map((host) => `http://${host}`));
  }

  /** @param request - Only its head is looked at. */
  admit(request: Pick<IncomingMessage, "headers" | "url" | "method" | "socket">): Admission {
    const { headers, url = "", method, socket } = request;
    if (socket.remoteAddress !== "127.0.0.1" || socket.localAddress !== "127.0.0.1") {
      return { refusal: "Only this machine may look: open the page at 127.0.0.1." };
    }
    if (!this.#hosts.has(headers.host ?? "")) {
      return {
        refusal: "The page is at 127.0.0.1 and localhost only, with the port that the driver printed.",
      };
    }
    const { origin } = headers;
    if (origin !== undefined ? !this.#origins.has(origin) : method !== "GET" && method !== "HEAD") {
      return { refusal: "Another page may not ask: open the address that the driver printed." };
    }
    const site = headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin" && site !== "none") {
      return { refusal: "Another page may not ask: open the address that the driver printed." };
    }
    const [, token = "", rest] = /^\/([\w-]{1,128})(\/[^?#]{0,200})?(?=$|\?)/.exec(url) ?? [];
    // Digests have one length: what is compared, and how long that takes, does not depend on the token.
    if (!timingSafeEqual(digest(token), this.#token)) {
      return {
        refusal: "The token is missing or wrong: open the address that the driver printed, to its end.",
      };
    }
    const mark = url.indexOf("?");
    return { path: rest ?? "", query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)) };
  }
}

// Requests to the gateway that served the page.

import { askForToken, token } from "./token.js";

/** A refusal: a problem document, or what came in its place. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? document.title ?? `the gateway answered ${status}`);
    this.status = status;
    this.code = document.code ?? "";
  }
}

/** The header fields of every request. */
export const authorization = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

/**
 * Sends a request and gives the response, 304 included; anything else that is no success is thrown as a Problem.
 *
 * A gateway that wants a token asks for one here, and a read that met a busy segment is tried again.
 */
export async function call(path, { method = "GET", headers = {}, body, signal } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch(path, {
      method, body, signal, cache: "no-store", credentials: "same-origin", headers: { ...headers, ...authorization() },
    });
    if (response.ok || response.status === 304) return response;
    let document = {};
    try { document = await response.json(); } catch { /* no problem document */ }
    if (response.status === 401 && await askForToken(document.detail ?? "This gateway asks for a token.")) continue;
    if (response.status === 503 && method === "GET" && attempt < 3) {
      await pause(1000 * Number(response.headers.get("Retry-After") ?? 1), signal);
      continue;
    }
    throw new Problem(response.status, document);
  }
}

/** The body of a GET as JSON. */
export const getJSON = async (path, options) => (await call(path, options)).json();

/** A request with a JSON text as its body. */
export const sendJSON = (method, path, text, headers = {}) =>
  call(path, { method, body: text, headers: { "Content-Type": "application/json", ...headers } });

/** The path of a segment. */
export const segmentPath = (name) => `/segments/${encodeURIComponent(name)}`;

/** The path of the data of a member, given as parts, with parameters; a list of values repeats its key. */
export function dataPath(name, member = [], parameters = {}) {
  const query = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join("&");
  return [segmentPath(name), "data", ...member.map(encodeURIComponent)].join("/") + (query ? `?${query}` : "");
}

// Changes as they happen. Server-sent events are read with fetch, for EventSource cannot send a token.

import { call } from "./api.js";
import { h, setText } from "./dom.js";

const pollMs = 1000;
const longestPauseMs = 8000;
// A stream on which nothing happens has a comment every 15 seconds; one that is silent for longer is dead.
const silenceMs = 40_000;

/**
 * Follows the events of a path, `/segments/{name}/events` or `/events`, behind an id that was seen, if there is one,
 * until the function that it gives is called.
 *
 * `happened` gets `{event, data}`, data as an object. While there is no stream, it is asked for less and less often,
 * and meanwhile `poll` is called once a second. `state` gets "live", "polling" or "waiting" as that changes. Nothing is
 * read while the page is hidden.
 */
export function follow(path, { seen, happened, state, poll }) {
  let stopped = false;
  let abort = null;
  let last = null;
  const tell = (now) => { if (now !== last && !stopped) state(last = now); };
  const hidden = () => { if (document.hidden) abort?.abort(); };
  document.addEventListener("visibilitychange", hidden);

  async function run() {
    let failures = 0;
    while (!stopped) {
      await visible();
      abort = new AbortController();
      const { signal } = abort;
      const opened = () => { failures = 0; tell("live"); };
      try {
        await read(path, seen, abort, opened, ({ id, ...event }) => {
          seen = id ?? seen;
          if (event.data && !stopped) happened({ ...event, data: JSON.parse(event.data) });
        });
      } catch { /* without a stream it is asked */ }
      failures += 1;
      const again = performance.now() + Math.min(longestPauseMs, 250 * 2 ** failures);
      while (!signal.aborted) {
        await poll(signal).then(() => tell("polling"), () => tell("waiting"));
        const left = again - performance.now();
        if (left <= 0) break;
        await pause(Math.min(left, pollMs), signal);
      }
    }
  }
  run();
  return () => {
    stopped = true;
    abort?.abort();
    document.removeEventListener("visibilitychange", hidden);
  };
}

const words = { live: "live", polling: "asked every second", waiting: "no connection", unlinked: "unlinked" };

/** Says how a page is connected. */
export class Link {
  constructor() { this.element = h("span", { class: "link" }); }

  show(state) {
    this.element.className = `link ${state}`;
    setText(this.element, words[state]);
  }
}

const visible = () => new Promise((resolve) => {
  if (!document.hidden) return resolve();
  document.addEventListener("visibilitychange", resolve, { once: true });
});

const pause = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

/** Reads a stream until it ends. */
async function read(path, seen, abort, opened, happened) {
  // What is silent is given up, with a reason of its own: only who stops following aborts.
  const silence = new AbortController();
  const signal = AbortSignal.any([abort.signal, silence.signal]);
  let timer = null;
  const heard = () => { clearTimeout(timer); timer = setTimeout(() => silence.abort(), silenceMs); };
  try {
    heard();
    const headers = { Accept: "text/event-stream", ...(seen ? { "Last-Event-ID": seen } : {}) };
    const response = await call(path, { headers, signal });
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = eventParser(happened);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      parse(value);
    }
  } finally { clearTimeout(timer); }
}

/** Takes pieces of an event stream as they come, and calls back for each block, with an id or data or both. */
export function eventParser(happened) {
  let rest = "";
  let block = {};
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, key, value] = /^(\w*):? ?(.*?)\r?$/.exec(line) ?? [];
      if (key) block[key] = key === "data" && block.data ? `${block.data}\n${value}` : value;
      else if (/^\r?$/.test(line)) { happened(block); block = {}; }
    }
  };
}

// Changes as they happen. Server-sent events are read with fetch, for EventSource cannot send a token. A gateway that
// has no events is asked about once a second instead.

import { authorization, call, Problem } from "./api.js";

const pollMs = 1000;

/**
 * Follows the events of a path, `/segments/{name}/events` or `/events`, until the function that it gives is called.
 *
 * `happened` gets `{event, id, data}`; `state` gets "live", "polling" or "waiting" as that changes. `poll` is called
 * where there are no events. Nothing is read while the page is hidden.
 */
export function follow(path, { happened, state, poll }) {
  let stopped = false;
  let abort = null;
  let lastId = null;
  const pause = (ms) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    abort?.signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
  const visible = () => new Promise((resolve) => {
    if (!document.hidden) return resolve();
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
  const hidden = () => { if (document.hidden) abort?.abort(); };
  document.addEventListener("visibilitychange", hidden);

  async function run() {
    let failures = 0;
    let hasEvents = true;
    while (!stopped) {
      await visible();
      abort = new AbortController();
      try {
        if (hasEvents) {
          await read(path, abort.signal, lastId, (isOpen) => { failures = 0; state(isOpen ? "live" : "waiting"); },
            (event) => { lastId = event.id ?? lastId; happened(event); });
        } else {
          state("polling");
          await poll(abort.signal);
          failures = 0;
        }
      } catch (error) {
        if (stopped) return;
        if (hasEvents && error instanceof Problem && ["no-such-route", "method-not-allowed"].includes(error.code)) {
          hasEvents = false;
          continue;
        }
        failures += 1;
        if (!document.hidden) state("waiting");
      }
      await pause(hasEvents || failures ? Math.min(8000, 250 * 2 ** failures) : pollMs);
    }
  }
  run();
  return () => {
    stopped = true;
    abort?.abort();
    document.removeEventListener("visibilitychange", hidden);
  };
}

async function read(path, signal, lastId, opened, happened) {
  const headers = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
  const response = await call(path, { headers: { ...headers, ...authorization() }, signal });
  opened(true);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = eventParser(happened);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    parse(value);
  }
  opened(false);
}

/** Takes pieces of an event stream as they come, and calls back for each event. */
export function eventParser(happened) {
  let rest = "";
  let event = {};
  return (piece) => {
    rest += piece;
    let end;
    while ((end = /\r\n|\n|\r(?=.)/s.exec(rest))) {
      const line = rest.slice(0, end.index);
      rest = rest.slice(end.index + end[0].length);
      if (line === "") {
        if (event.data !== undefined) happened({ event: "message", ...event });
        event = {};
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const key = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (key === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      else if (key === "event" || key === "id") event[key] = value;
    }
  };
}

// A form that writes the JSON of a new segment, which may also be written by hand.

import { sendJSON } from "./api.js";
import { dialog } from "./dialogs.js";
import { field, h } from "./dom.js";
import { exactParse } from "./exact.js";
import { json as pretty } from "./format.js";

const kinds = ["ndarray", "series", "dataframe", "dataarray", "struct", "list", "json", "bytes"];
const dtypes = `float64 float32 float16 bfloat16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool complex128
  datetime64[ns] timedelta64[ns] U8 S8`.split(/\s+/);

/** Labels as typed: a number, JSON, or words with commas between them. */
export function labels(text) {
  const typed = text.trim();
  if (typed === "") throw new Error("expected labels: a number, JSON, or words with commas between them");
  if (/^(\d+$|[[{])/.test(typed)) return exactParse(typed);
  const words = typed.split(",").map((word) => word.trim());
  return words.every((word) => /^-?(0|[1-9]\d*)$/.test(word)) ? words.map(exactParse) : words;
}

const whole = (text) => {
  if (!/^\d+$/.test(text.trim())) throw new Error(`expected a whole number, got "${text}"`);
  return Number(text);
};

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

const extents = (text) => (text.trim() === "" ? [] : text.split(/[,×x]/).map(whole));

/** The fields of each kind, and the layout that they make. */
const forms = {
  ndarray: { fields: ["dtype", "shape"], layout: (f) => ({ dtype: f.dtype, shape: extents(f.shape) }) },
  series: { fields: ["dtype", "index"], layout: (f) => ({ dtype: f.dtype, index: labels(f.index) }) },
  dataframe: { fields: ["columns", "index"],
    layout: (f) => ({ columns: lines(f.columns).map(column), index: labels(f.index) }) },
  dataarray: { fields: ["dtype", "dims"], layout: (f) => dimensions(f) },
  struct: { fields: [], layout: () => ({ members: { bids: { kind: "ndarray", dtype: "float64", shape: [10, 2] } } }) },
  list: { fields: [], layout: () => ({ item: { kind: "ndarray", dtype: "float64", shape: [3] }, count: 2 }) },
  json: { fields: ["value", "capacity"],
    layout: (f) => ({ value: exactParse(f.value), ...(f.capacity.trim() && { capacity: whole(f.capacity) }) }) },
  bytes: { fields: ["size"], layout: (f) => ({ size: whole(f.size) }) },
};

function column(line) {
  const [, name, dtype] = /^(.*?)\s+(\S+)$/.exec(line) ?? [];
  if (!name) throw new Error(`expected a name and a dtype in each line, got "${line}"`);
  return { name, dtype };
}

function dimensions(f) {
  const parts = lines(f.dims).map((line) => {
    const [, name, text] = /^([^:]+):\s*(.+)$/.exec(line) ?? [];
    if (!name) throw new Error(`expected "name: labels" in each line, got "${line}"`);
    return [name.trim(), labels(text)];
  });
  return { dtype: f.dtype, dims: parts.map(([name]) => name), coords: Object.fromEntries(parts) };
}

/** Asks for a new segment and creates it; gives its name, or nil. */
export async function createSegment() {
  const input = (properties) =>
    h("input", { type: "text", autocomplete: "off", spellcheck: "false", class: "mono", ...properties });
  const area = (value) => h("textarea", { class: "mono", rows: 3, spellcheck: "false", value });
  const name = input({ required: true, pattern: "[A-Za-z0-9_\\-][A-Za-z0-9_.\\-]*", maxlength: 200 });
  const kind = h("select", {}, kinds.map((text) => h("option", {}, text)));
  const fields = {
    dtype: [input({ value: "float64", list: "dtypes" })],
    shape: [input({ value: "3, 5" }), "extents, with commas between them"],
    index: [input({ value: "a, b, c" }), "a number, words with commas, or JSON"],
    columns: [area("price float64\nqty int32"), "a name and a dtype in each line"],
    dims: [area("city: Bern, Oslo\nhour: 24"), "a name and its labels in each line"],
    value: [area("{}")], capacity: [input({ value: "4096" }), "bytes"], size: [input({ value: "4096" }), "bytes"],
  };
  const labelled = Object.entries(fields).map(([key, [control, hint]]) => [key, field(key, control, hint)]);
  const fill = input({ placeholder: "0" });
  const ttl = input({ placeholder: "none", inputmode: "decimal" });
  const pinned = h("input", { type: "checkbox" });
  const json = h("textarea", { class: "mono", rows: 9, spellcheck: "false", "aria-label": "JSON of the request" });
  const state = h("small", { role: "status" });
  const write = () => {
    for (const [key, label] of labelled) label.hidden = !forms[kind.value].fields.includes(key);
    try {
      const typed = Object.fromEntries(Object.entries(fields).map(([key, [control]]) => [key, control.value]));
      const request = { name: name.value, layout: { kind: kind.value, ...forms[kind.value].layout(typed) } };
      if (fill.value.trim()) request.fill = scalar(fill.value.trim());
      if (ttl.value.trim()) request.ttl = Number(ttl.value);
      if (pinned.checked) request.pinned = true;
      json.value = pretty(request);
      state.textContent = "written by the form; change it here and it stays as you write it";
    } catch (error) { state.textContent = error.message; }
  };
  const changed = (event) => {
    if (event.target === json) state.textContent = "written by hand";
    else write();
  };
  const form = h("div", { class: "create", oninput: changed },
    h("div", {}, field("name", name), field("kind", kind), labelled.map(([, label]) => label),
      field("fill", fill, "one value for all"), field("ttl", ttl, "seconds until it is unlinked"),
      h("label", { class: "check" }, pinned, " pinned: it keeps its name while a gateway runs"),
      h("datalist", { id: "dtypes" }, dtypes.map((dtype) => h("option", { value: dtype })))),
    h("div", {}, h("span", {}, "POST /segments"), json, state));
  write();
  let made = null;
  await dialog({
    title: "Create a segment", body: form, isWide: true, choices: [{ text: "Create", value: true, isMain: true }],
    submit: async () => { made = (await (await sendJSON("POST", "/segments", json.value)).json()).name; },
  });
  return made;
}

function scalar(text) {
  try { return exactParse(text); } catch { return text; }
}

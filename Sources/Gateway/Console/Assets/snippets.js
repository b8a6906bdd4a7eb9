// Lines to copy: the same member from a shell, NumPy, pandas and xarray.

import { h, notice } from "./dom.js";
import { dataPath } from "./api.js";
import { resolved } from "./model.js";
import { token } from "./token.js";

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const python = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Title and lines of each, for a view of a described segment. */
export function snippets(description, view, choice) {
  const path = resolved(choice);
  const url = (member, parameters) => location.origin + dataPath(description.name, member, parameters);
  const whole = view.kind === "array" && view.path.at(-1) === "values" ? view.path.slice(0, -1) : view.path;
  const header = token() ? " -H \"Authorization: Bearer $TOKEN\"" : "";
  const key = token() ? ", headers={\"Authorization\": \"Bearer …\"}" : "";
  const found = [["curl", [
    `curl -s${header} ${shell(url(path(whole)))}`,
    ...(view.dims.length ? [`curl -sG${header} ${shell(url(path(whole)))} -d slice=${view.dims.map((_, dim) => (dim ? "0" : "0:10")).slice(0, view.kind === "frame" ? 1 : undefined).join(",")}`] : []),
  ]]];
  const column = view.kind === "frame" ? view.columns[0]?.name : undefined;
  const array = column === undefined ? view.path : [...view.path, "columns", column];
  const buffer = description.mmap.buffers.find((candidate) => candidate.path === bufferPath(path(array), view));
  if (view.kind === "array" || column !== undefined) {
    found.push(["NumPy, over HTTP", [
      "import io, urllib.request, numpy as np",
      `r = urllib.request.Request(${python(url(path(array), { format: "npy" }))}${key})`,
      "a = np.load(io.BytesIO(urllib.request.urlopen(r).read()))",
    ]]);
  }
  if (buffer) {
    found.push(["NumPy, on this machine, without a copy", [
      "import json, numpy as np",
      `p = ${python(description.mmap.path)}`,
      "h = json.loads(open(p, \"rb\").read(1 << 20)[4096:].split(b\"\\0\", 1)[0])",
      `b = next(b for b in h["buffers"] if b["path"] == ${python(buffer.path)})`,
      "a = np.memmap(p, b[\"dtype\"], \"r+\", b[\"offset\"], tuple(b[\"shape\"]))",
    ]]);
  }
  const isLabelled = view.kind === "frame" || view.column !== undefined;
  if (isLabelled) {
    found.push(["pandas", [
      "import json, urllib.request, pandas as pd",
      `r = urllib.request.Request(${python(url(path(whole)))}${key})`,
      `x = pd.${view.kind === "frame" ? "DataFrame" : "Series"}(**json.load(urllib.request.urlopen(r)))`,
    ]]);
  } else if (view.kind === "array" && view.dims.length > 0 && view.dims.length < 3) {
    found.push(["pandas", [
      "import pandas as pd",
      `x = pd.read_csv(${python(url(path(whole), { format: "csv" }))}, header=None${token() ? ", storage_options={\"Authorization\": \"Bearer …\"}" : ""})`,
    ]]);
  }
  if (["ndarray", "dataarray", "dataframe", "series"].includes(description.kind)) {
    found.push(["xarray, by Zarr", [
      "import xarray as xr",
      `ds = xr.open_zarr(${python(`${location.origin}/zarr/${description.name}`)}${token() ? ", storage_options={\"headers\": {\"Authorization\": \"Bearer …\"}}" : ""})`,
    ]]);
  }
  return found;
}

/** What the header calls a buffer: raw UTF-8, with `/` and `%` encoded. */
const bufferPath = (member, view) =>
  [...member, ...(view.kind === "array" && member.at(-1) !== "values" ? ["values"] : [])]
    .map((part) => part.replaceAll("%", "%25").replaceAll("/", "%2F")).join("/");

async function copy(text, area) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // no clipboard outside of secure contexts
    getSelection().selectAllChildren(area);
    if (!document.execCommand("copy")) return notice("selected, but this browser does not copy", true);
  }
  notice("copied");
}

/** The tab. */
export function snippetPanel(description, view, choice) {
  return h("div", { class: "panel scrolls" }, snippets(description, view, choice).map(([title, lines]) => {
    const text = h("code", {}, lines.join("\n"));
    return h("section", { class: "snippet" },
      h("div", { class: "row" }, h("h3", {}, title), h("button", { type: "button", "aria-label": `Copy the lines for ${title}`, onclick: () => copy(lines.join("\n"), text) }, "Copy")),
      h("pre", { tabindex: "0", "aria-label": title }, text));
  }));
}

// Lines to copy: the same member from a shell, NumPy, pandas and xarray.

import { dataPath } from "./api.js";
import { h, notice } from "./dom.js";
import { family } from "./dtypes.js";
import { resolved } from "./model.js";
import { token } from "./token.js";

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A literal in ASCII, of text or of a list of texts. */
const python = (value) => JSON.stringify(value).replace(/[\u007f-\uffff]/g,
  (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Dtypes whose values pandas does not make of those in JSON. */
const isUnknownToPandas = (dtype) => dtype === "bfloat16" || "cV".includes(family(dtype));

/** Title and lines of each, for a view of a described segment. */
export function snippets(description, view, choice) {
  const path = resolved(choice);
  const url = (member, parameters) => location.origin + dataPath(description.name, path(member), parameters);
  const key = token() ? ', headers={"Authorization": "Bearer …"}' : "";
  const request = (member, parameters) => `r = urllib.request.Request(${python(url(member, parameters))}${key})`;
  const isLabelled = view.path.at(-1) === "values";
  const whole = isLabelled ? view.path.slice(0, -1) : view.path;
  const column = view.kind === "frame" ? view.columns[0] : undefined;
  const array = column ? [...view.path, "columns", column.name] : view.path;
  const dtype = column?.dtype ?? view.dtype;
  const hasNumPy = dtype !== undefined && dtype !== "bfloat16";
  const place = bufferPath(path(array), isLabelled || column);
  const buffer = description.mmap.buffers.find((candidate) => candidate.path === place);

  const found = [["curl", curl(url(whole), view)]];
  if (hasNumPy) {
    found.push(["NumPy, over HTTP", ["import io, urllib.request, numpy as np", request(array, { format: "npy" }),
      "a = np.load(io.BytesIO(urllib.request.urlopen(r).read()))"]]);
  }
  if (buffer && hasNumPy && !buffer.shape.includes(0)) {
    found.push(["NumPy, on this machine, without a copy", [
      "import json, numpy as np",
      `p = ${python(description.mmap.path)}`,
      'h = json.loads(open(p, "rb").read(1 << 20)[4096:].split(b"\\0", 1)[0])',
      `b = next(b for b in h["buffers"] if b["path"] == ${python(buffer.path)})`,
      `t = ${Array.isArray(dtype) ? 'np.dtype([tuple(f) for f in b["dtype"]])' : 'b["dtype"]'}`,
      'a = np.memmap(p, t, "r+", b["offset"], tuple(b["shape"]))',
    ]]);
  }
  const frame = pandas(view, request, url(whole, { format: "csv" }));
  if (frame) found.push(["pandas", frame]);
  if (view.kind === "array" && !isLabelled && hasNumPy) {
    found.push(["xarray", ["import io, urllib.request, numpy as np, xarray as xr", request(array, { format: "npy" }),
      "x = xr.DataArray(np.load(io.BytesIO(urllib.request.urlopen(r).read())))"]]);
  } else if (["dataarray", "dataframe", "series"].includes(description.kind)) {
    const options = token() ? ', storage_options={"headers": {"Authorization": "Bearer …"}}' : "";
    found.push(["xarray, by Zarr", ["import xarray as xr",
      `x = xr.open_zarr(${python(`${location.origin}/zarr/${encodeURIComponent(description.name)}`)}${options})`]]);
  } else if (isLabelled && view.column === undefined && !isUnknownToPandas(dtype)) {
    found.push(["xarray", ["import json, urllib.request, xarray as xr", request(whole),
      "x = xr.DataArray.from_dict(json.load(urllib.request.urlopen(r)))"]]);
  }
  return found;
}

function curl(url, view) {
  const header = token() ? ' -H "Authorization: Bearer $TOKEN"' : "";
  const slice = view.kind === "frame" ? "0:10" : view.dims.map((_, dim) => (dim ? "0" : "0:10")).join(",");
  return [`curl -s${header} ${shell(url)}`, ...(slice ? [`curl -sG${header} ${shell(url)} -d slice=${slice}`] : [])];
}

function pandas(view, request, csv) {
  const isSeries = view.column !== undefined;
  if (view.kind === "frame" || isSeries) {
    if (isSeries && isUnknownToPandas(view.dtype)) return null;
    const unknown = isSeries ? [] : [...new Set(view.columns.map(({ dtype }) => dtype).filter(isUnknownToPandas))];
    const member = isSeries ? view.path.slice(0, -1) : view.path;
    const known = unknown.length && `{k: v for k, v in j.pop("dtypes").items() if v not in ${python(unknown)}}`;
    return ["import json, urllib.request, pandas as pd", request(member, isSeries ? {} : { dtypes: 1 }),
      "j = json.load(urllib.request.urlopen(r))",
      ...(isSeries ? ["x = pd.Series(**j)"] : [`t = ${known || 'j.pop("dtypes")'}`, "x = pd.DataFrame(**j).astype(t)"]),
      ...times(view.labels[0])];
  }
  if (view.kind !== "array" || ![1, 2].includes(view.dims.length) || view.shape.includes(0)) return null;
  if (isUnknownToPandas(view.dtype)) return null;
  const options = token() ? ', storage_options={"Authorization": "Bearer …"}' : "";
  return ["import pandas as pd", `x = pd.read_csv(${python(csv)}, header=None${options})`];
}

/** What makes times of the labels, which are texts and numbers in JSON. */
function times({ dtype, zone }) {
  if (family(dtype) === "M") {
    return [`x.index = pd.to_datetime(x.index${zone ? `, utc=True).tz_convert(${python(zone)})` : ")"}`];
  }
  return family(dtype) === "m" ? [`x.index = pd.to_timedelta(x.index, unit="${/\[(.*)\]/.exec(dtype)[1]}")`] : [];
}

/** What the header calls a buffer: raw UTF-8, with `/` and `%` encoded. */
const bufferPath = (member, isNamed) => [...member, ...(isNamed ? [] : ["values"])]
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
    const code = lines.join("\n");
    const text = h("code", {}, code);
    const button = h("button", { type: "button", "aria-label": `Copy the lines for ${title}`,
      onclick: () => copy(code, text) }, "Copy");
    return h("section", { class: "snippet" },
      h("div", { class: "row" }, h("h3", {}, title), button), h("pre", { tabindex: "0", "aria-label": title }, text));
  }));
}

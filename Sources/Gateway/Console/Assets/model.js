// What a segment's layout has to show: its members as views.
//
// A view is an array or a frame with dimensions; a list of members is a dimension too, called a slot, whose number
// stands in the path. So one row of sliders chooses everything that is not on the screen.

import { dataPath, getJSON } from "./api.js";
import { dtypeName, exactText } from "./dtypes.js";

/** The labels of a dimension: positions, a range, or what the gateway reads. */
export class Labels {
  constructor(name, path, entry) {
    this.name = name;
    this.path = path;
    this.range = entry?.range ?? null;
    this.dtype = entry?.dtype ?? "<i8";
    this.zone = entry?.tz;
    this.known = new Map();
  }

  /** Labels of positions, each as text. */
  async at(member, positions, signal) {
    if (this.range) return positions.map((position) => String(this.range[0] + position * this.range[2]));
    const path = member(this.path);
    const key = (position) => `${path.join("/")} ${position}`;
    const missing = [...new Set(positions)].filter((position) => !this.known.has(key(position)));
    for (let start = 0; start < missing.length; start += 256) {
      const part = missing.slice(start, start + 256);
      const isRun = part.every((position, place) => position === part[0] + place);
      const slice = isRun ? `${part[0]}:${part[0] + part.length}` : `[${part.join(",")}]`;
      const { data } = await getJSON(dataPath(this.name, path, { slice, int64: "string", nan: "string" }), { signal });
      if (this.known.size > 20_000) this.known.clear();
      part.forEach((position, place) => this.known.set(key(position), exactText(data[place], this.dtype)));
    }
    return positions.map((position) => this.known.get(key(position)) ?? "");
  }
}

/** The views of a segment, in the order of its layout. */
export function views(description) {
  const found = [];
  walk(description.name, description.layout, [], [], "", found);
  return found;
}

function walk(name, layout, path, slots, title, found) {
  const add = (view) => found.push({ name, slots, title: title || name, labels: [], ...view });
  const labelsOf = (entry, last) => (entry ? new Labels(name, [...path, ...last], entry) : null);
  switch (layout.kind) {
  case "ndarray":
    add({ kind: "array", path, dtype: layout.dtype, shape: layout.shape, labels: layout.shape.map(() => null),
      dims: layout.shape.map((_, axis) => `axis ${axis}`) });
    break;
  case "series": {
    const size = labelCount(layout.index);
    add({ kind: "array", path: [...path, "values"], dtype: layout.dtype, shape: [size], dims: ["index"],
      labels: [labelsOf(layout.index, ["index"])], column: layout.name ?? "values" });
    break;
  }
  case "dataarray":
    add({ kind: "array", path: [...path, "values"], dtype: layout.dtype, shape: layout.shape, dims: layout.dims,
      labels: layout.dims.map((dim) => labelsOf(layout.coords?.[dim], ["coords", dim])) });
    break;
  case "dataframe":
    add({ kind: "frame", path, shape: [labelCount(layout.index), layout.columns.length], dims: ["index", "columns"],
      columns: layout.columns, labels: [labelsOf(layout.index, ["index"]), null] });
    break;
  case "struct":
    for (const [key, member] of Object.entries(layout.members)) {
      walk(name, member, [...path, "members", key], slots, title ? `${title} / ${key}` : key, found);
    }
    break;
  case "list": {
    const slot = { title: title ? `item of ${title}` : "item", count: layout.count };
    if (layout.count > 0) {
      const place = [...path, "items", { slot: slots.length }];
      walk(name, layout.item, place, [...slots, slot], `${title} [item]`.trim(), found);
    }
    break;
  }
  default: add({ kind: layout.kind, path, shape: [layout.size ?? layout.capacity ?? 0], dims: [] });
  }
}

const labelCount = ({ range, size }) => (range ? Math.max(0, Math.ceil((range[1] - range[0]) / range[2])) : size);

/** What of a view is on the screen: two dimensions, and a number for each of the others and for each slot. */
export function firstChoice(view) {
  const rank = view.dims.length;
  return {
    row: rank ? Math.max(0, rank - 2) : null,
    column: rank > 1 ? rank - 1 : null,
    fixed: view.dims.map(() => 0),
    slots: view.slots.map(() => 0),
  };
}

/** The path of a view, or of a path below it, with the slots' numbers in it. */
export const resolved = (choice) => (path) =>
  path.map((part) => (typeof part === "object" ? String(choice.slots[part.slot]) : part));

/** The dtype of a layout in words, and its shape, or how many members it has. */
export function summary(layout) {
  switch (layout.kind) {
  case "ndarray": case "dataarray": return { dtype: dtypeName(layout.dtype), shape: layout.shape };
  case "series": return { dtype: dtypeName(layout.dtype), shape: [labelCount(layout.index)] };
  case "dataframe": {
    const kinds = new Set(layout.columns.map((column) => dtypeName(column.dtype)));
    return { dtype: [...kinds].join(", "), shape: [labelCount(layout.index), layout.columns.length] };
  }
  case "struct": return { members: Object.keys(layout.members).length };
  case "list": return { members: layout.count };
  default: return {};
  }
}

// Numbers to draw: as many as there is room for, however many there are. Every n-th element is read.
//
// All that draws comes through here, so that a gateway that thins out by itself changes this file alone.

import { call, dataPath, getJSON } from "./api.js";
import { toNumbers } from "./dtypes.js";
import { resolved } from "./model.js";
import { sliceOf } from "./reader.js";

/** Every how many elements of a half-open range, for at most so many points. */
export const stepFor = ([from, to], points) => Math.max(1, Math.ceil((to - from) / points));

/**
 * The numbers of ranges of the dimensions on the screen: `{numbers, extents, steps}` in the order of the
 * dimensions. `windows` maps a dimension to `{range, points}`.
 */
export async function sampleArray(view, choice, windows, signal) {
  const steps = new Map([...windows].map(([dim, { range, points }]) => [dim, stepFor(range, points)]));
  const slice = sliceOf(view, choice, (dim) => {
    const window = windows.get(dim);
    return window ? `${window.range[0]}:${window.range[1]}:${steps.get(dim)}` : String(choice.fixed[dim]);
  });
  const path = dataPath(view.name, resolved(choice)(view.path), { slice, format: "raw" });
  const response = await call(path, { signal });
  const numbers = toNumbers(await response.arrayBuffer(), view.dtype);
  return { numbers, steps, extents: response.headers.get("Shm-Shape").split(",").map(Number) };
}

/** The numbers of columns of a frame over a range of rows, all of one state: `{lines, step}`. */
export async function sampleColumns(view, choice, columns, range, points, signal) {
  const step = stepFor(range, points);
  const names = columns.map((column) => view.columns[column].name);
  const parameters = { slice: `${range[0]}:${range[1]}:${step}`, columns: JSON.stringify(names), nan: "string" };
  const { data } = await getJSON(dataPath(view.name, resolved(choice)(view.path), parameters), { signal });
  return { step, lines: names.map((_, place) => Float64Array.from(data, (row) => number(row[place]))) };
}

function number(value) {
  if (typeof value === "number") return value;
  if (Array.isArray(value)) return Math.hypot(number(value[0]), number(value[1]));
  if (value === true || value === false) return Number(value);
  return value === "Infinity" ? Infinity : value === "-Infinity" ? -Infinity : NaN;
}

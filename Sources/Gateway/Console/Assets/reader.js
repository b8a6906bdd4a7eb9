// Reads rectangles of a view for the grid, exactly: as JSON, in which every dtype has a form.

import { call, dataPath } from "./api.js";
import { resolved } from "./model.js";

/** How many rows and columns a choice of a view has. */
export const extent = (view, choice) => [
  choice.row === null ? 1 : view.shape[choice.row],
  choice.column === null ? 1 : view.shape[choice.column],
];

/** The `slice` of a view: `pick` gives the text for a dimension that is on the screen. */
export const sliceOf = (view, choice, pick) => view.dims.map((_, dim) =>
  (dim === choice.row || dim === choice.column ? pick(dim) : String(choice.fixed[dim]))).join(",");

/** The element type of a column. */
export const columnType = (view, column) => (view.kind === "frame" ? view.columns[column].dtype : view.dtype);

/** The values of two half-open ranges, row by row, and the tag of the state that they are of. */
export async function rectangle(view, choice, rows, columns, signal) {
  const member = resolved(choice)(view.path);
  const form = { int64: "string", nan: "string" };
  if (view.kind === "frame") {
    const names = JSON.stringify(view.columns.slice(...columns).map((column) => column.name));
    const path = dataPath(view.name, member, { ...form, slice: `${rows[0]}:${rows[1]}`, columns: names });
    const response = await call(path, { signal });
    return { values: (await response.json()).data, etag: response.headers.get("ETag") };
  }
  const range = new Map([[choice.row, rows], [choice.column, columns]]);
  const slice = sliceOf(view, choice, (dim) => range.get(dim).join(":"));
  const response = await call(dataPath(view.name, member, { ...form, slice }), { signal });
  const { data } = await response.json();
  return { values: inRows(data, choice), etag: response.headers.get("ETag") };
}

function inRows(data, choice) {
  if (choice.row === null) return [[data]];
  if (choice.column === null) return data.map((value) => [value]);
  return choice.row < choice.column ? data : (data[0] ?? []).map((_, place) => data.map((line) => line[place]));
}

/** Where one cell is: the member and the slice of it. */
export function cellAddress(view, choice, row, column) {
  const path = resolved(choice)(view.path);
  if (view.kind === "frame") return { member: [...path, "columns", view.columns[column].name], slice: String(row) };
  return { member: path, slice: sliceOf(view, choice, (dim) => String(dim === choice.row ? row : column)) };
}

/** The labels of places of a dimension, each as text. */
export async function labelTexts(view, choice, dim, places, signal) {
  const labels = dim === null ? null : view.labels[dim];
  return labels ? labels.at(resolved(choice), places, signal) : places.map(String);
}

const run = (from, to) => Array.from({ length: to - from }, (_, place) => from + place);

/** The labels of columns: the names of a frame's, else those of the dimension. */
export async function columnLabels(view, choice, from, to, signal) {
  if (view.kind === "frame") return view.columns.slice(from, to).map(({ name }) => name);
  if (choice.column === null) return [view.column ?? "value"];
  return labelTexts(view, choice, choice.column, run(from, to), signal);
}

/** The labels of rows. */
export const rowLabels = (view, choice, from, to, signal) =>
  labelTexts(view, choice, choice.row, run(from, to), signal);

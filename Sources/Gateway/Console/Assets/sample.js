// Numbers to draw: as many as there is room for, however many there are.

import { call, dataPath, getJSON } from "./api.js";
import { family, toNumbers } from "./dtypes.js";
import { resolved } from "./model.js";
import { sliceOf } from "./reader.js";

/**
 * The numbers along the rows of a view, all of one state: `{lines, places}`, of an array one line, of a frame those of
 * some columns. The gateway thins them out, so that each spike is among them, and says in which places they are.
 */
export async function sampleLines(view, choice, columns, [from, to], points, signal) {
  const isFrame = view.kind === "frame";
  const slice = isFrame ? `${from}:${to}` : sliceOf(view, choice, () => `${from}:${to}`);
  const names = isFrame ? JSON.stringify(columns.map((column) => view.columns[column].name)) : undefined;
  const parameters = { slice, columns: names, max_points: points, rows: 1, nan: "string" };
  const { data, rows } = await getJSON(dataPath(view.name, resolved(choice)(view.path), parameters), { signal });
  const number = isFrame || family(view.dtype) !== "M" ? numberOf : Date.parse;
  const lines = isFrame ? columns.map((_, place) => data.map((row) => number(row[place]))) : [data.map(number)];
  return { lines, places: rows.map((row) => from + row) };
}

/** The number of a value of the JSON form: of a complex one the magnitude. */
function numberOf(value) {
  if (Array.isArray(value)) return Math.hypot(...value.map(numberOf));
  return value === null ? NaN : Number(value);
}

/** The numbers of two ranges of an array, every n-th of each: `{numbers, extents, steps}`, row by row. */
export async function sampleCells(view, choice, ranges, points, signal) {
  const steps = ranges.map(([from, to], place) => Math.max(1, Math.ceil((to - from) / points[place])));
  const slice = sliceOf(view, choice, (dim) => {
    const place = dim === choice.row ? 0 : 1;
    return `${ranges[place].join(":")}:${steps[place]}`;
  });
  const response = await call(dataPath(view.name, resolved(choice)(view.path), { slice, format: "raw" }), { signal });
  const numbers = toNumbers(await response.arrayBuffer(), view.dtype);
  const extents = response.headers.get("Shm-Shape").split(",").map(Number);
  return choice.row < choice.column ? { numbers, extents, steps } : { ...transposed(numbers, extents), steps };
}

function transposed(numbers, [rows, columns]) {
  const turned = new Float64Array(numbers.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) turned[column * rows + row] = numbers[row * columns + column];
  }
  return { numbers: turned, extents: [columns, rows] };
}

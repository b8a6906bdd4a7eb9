// Element types: what their values look like, how one is typed in, and how bytes of them become numbers.

import { exactStringify } from "./exact.js";

/** A dtype in short words: `float32` for `<f4`. */
export function dtypeName(dtype) {
  if (Array.isArray(dtype)) return `{${dtype.map(([name, type]) => `${name}: ${dtypeName(type)}`).join(", ")}}`;
  const match = /^[<>|=]?([biufcMmSU])(\d+)(\[.*\])?$/.exec(dtype);
  if (!match) return String(dtype);
  const [, letter, digits, unit = ""] = match;
  const size = Number(digits);
  switch (letter) {
  case "b": return "bool";
  case "i": return `int${size * 8}`;
  case "u": return `uint${size * 8}`;
  case "f": return `float${size * 8}`;
  case "c": return `complex${size * 8}`;
  case "M": return `datetime64${unit}`;
  case "m": return `timedelta64${unit}`;
  default: return `${letter}${size}`;
  }
}

/** One letter for the family of a dtype; `V` for those with fields. */
export function family(dtype) {
  if (Array.isArray(dtype)) return "V";
  if (dtype === "bfloat16") return "f";
  return /^[<>|=]?([a-zA-Z])/.exec(dtype)?.[1] ?? "U";
}

/** Whether there is a number to draw for each element. */
export const isDrawable = (dtype) => "biufcMm".includes(family(dtype));

/** Whether elements are numbers, which stand on the right. */
export const isNumeric = (dtype) => "iufcm".includes(family(dtype));

/** The exact text of a value of the JSON form, as it would be typed. */
export function exactText(value, dtype) {
  switch (family(dtype)) {
  case "f":
    if (typeof value === "number") return floatText(value);
    return value === null ? "NaN" : String(value).replace("Infinity", "inf");
  case "c": return Array.isArray(value) ? complexText(value) : String(value);
  case "M": case "m": return value === null ? "NaT" : String(value);
  default: return typeof value === "object" && value !== null ? exactStringify(value) : String(value);
  }
}

/** The text of a value for a cell: floats of 64 bits are cut to nine digits. */
export function cellText(value, dtype) {
  if (family(dtype) === "f" && typeof value === "number" && value !== 0) return floatText(Number(value.toPrecision(9)));
  return exactText(value, dtype);
}

function floatText(value) {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function complexText([real, imaginary]) {
  const part = (value) => (typeof value === "number" ? floatText(value) : exactText(value, "<f8"));
  const second = part(imaginary);
  return `${part(real)}${/^[-+]/.test(second) ? "" : "+"}${second}j`;
}

/** The JSON of what was typed into a cell, with all its digits. Throws an Error that says what is expected. */
export function typedJSON(text, dtype) {
  const typed = text.trim();
  switch (family(dtype)) {
  case "b":
    if (/^(true|1)$/i.test(typed)) return "true";
    if (/^(false|0)$/i.test(typed)) return "false";
    throw new Error("expected true or false");
  case "i": case "u":
    if (/^[-+]?\d+$/.test(typed)) return typed.replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1");
    throw new Error("expected an integer");
  case "f": return floatJSON(typed);
  case "c": {
    const match = /^(.+?)([-+](?:[\d.]+(?:e[-+]?\d+)?|inf|nan))j$/i.exec(typed.replace(/\s/g, ""));
    return match ? `[${floatJSON(match[1])},${floatJSON(match[2])}]` : `[${floatJSON(typed)},0]`;
  }
  case "M": return /^(nat|)$/i.test(typed) ? "null" : JSON.stringify(typed);
  case "m":
    if (/^(nat|)$/i.test(typed)) return "null";
    return /^-?\d+$/.test(typed) ? typed : JSON.stringify(typed);
  case "V":
    try { JSON.parse(typed); } catch { throw new Error("expected the fields as a JSON list"); }
    return typed;
  default: return JSON.stringify(text);
  }
}

function floatJSON(typed) {
  if (/^[-+]?nan$/i.test(typed)) return '"NaN"';
  if (/^\+?inf(inity)?$/i.test(typed)) return '"Infinity"';
  if (/^-inf(inity)?$/i.test(typed)) return '"-Infinity"';
  const value = Number(typed);
  if (typed === "" || !Number.isFinite(value)) throw new Error("expected a number, nan, inf or -inf");
  return /^-?(0|[1-9]\d*)(\.\d+)?(e[-+]?\d+)?$/i.test(typed) ? typed : exactStringify(value);
}

/** Packed elements as numbers to draw: complex ones by their magnitude, NaT as NaN. */
export function toNumbers(buffer, dtype) {
  const kind = family(dtype);
  const size = dtype === "bfloat16" ? 2 : Number(/\d+/.exec(dtype)[0]);
  const part = kind === "c" ? size / 2 : size;
  if (String(dtype).startsWith(">")) swap(new Uint8Array(buffer), part);
  const numbers = (of, change) =>
    (change ? Float64Array.from(new of(buffer), change) : new Float64Array(new of(buffer)));
  switch (kind + size) {
  case "b1": case "u1": return numbers(Uint8Array);
  case "i1": return numbers(Int8Array);
  case "i2": return numbers(Int16Array);
  case "u2": return numbers(Uint16Array);
  case "i4": return numbers(Int32Array);
  case "u4": return numbers(Uint32Array);
  case "i8": return numbers(BigInt64Array, Number);
  case "u8": return numbers(BigUint64Array, Number);
  case "M8": case "m8": return numbers(BigInt64Array, (value) => (value === notATime ? NaN : Number(value)));
  case "f2": return dtype === "bfloat16" ? new Float64Array(brainFloats(buffer)) : numbers(Float16Array);
  case "f4": return numbers(Float32Array);
  case "f8": return new Float64Array(buffer);
  case "c8": return magnitudes(new Float32Array(buffer));
  case "c16": return magnitudes(new Float64Array(buffer));
  default: throw new Error(`no numbers are drawn of ${kind}${size}`);
  }
}

const notATime = -(2n ** 63n);

const magnitudes = (parts) =>
  Float64Array.from({ length: parts.length / 2 }, (_, place) => Math.hypot(parts[2 * place], parts[2 * place + 1]));

/** A bfloat16 is the upper half of a float32. */
const brainFloats = (buffer) =>
  new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);

/** Turns each element from big to little end. */
function swap(bytes, size) {
  for (let start = 0; start < bytes.length; start += size) bytes.subarray(start, start + size).reverse();
}

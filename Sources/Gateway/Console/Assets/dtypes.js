// Element types: what their values look like, how one is typed in, and how bytes of them become numbers.

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
    if (typeof value !== "number") return value === null ? "NaN" : value === "Infinity" ? "inf" : value === "-Infinity" ? "-inf" : String(value);
    return floatText(value);
  case "c": return Array.isArray(value) ? complexText(value) : String(value);
  case "M": case "m": return value === null ? "NaT" : String(value);
  case "V": return JSON.stringify(value);
  default: return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  }
}

/** The text of a value for a cell: floats of 64 bits are cut to nine digits. */
export function cellText(value, dtype) {
  if (family(dtype) === "f" && typeof value === "number") return floatText(Number(value.toPrecision(9)));
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

/** The JSON of what was typed into a cell; integers keep all their digits. Throws an Error that says what is expected. */
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
  if (typed === "" || Number.isNaN(value)) throw new Error("expected a number, nan, inf or -inf");
  return /^-?(0|[1-9]\d*)(\.\d+)?(e[-+]?\d+)?$/i.test(typed) ? typed : Object.is(value, -0) ? "-0.0" : String(value);
}

/** Packed elements as numbers to draw: complex ones by their magnitude, NaT as NaN. */
export function toNumbers(buffer, dtype) {
  const view = new DataView(buffer);
  const kind = family(dtype);
  const size = dtype === "bfloat16" ? 2 : Number(/\d+/.exec(dtype)[0]);
  const read = reader(view, kind, size, !String(dtype).startsWith(">"), dtype === "bfloat16");
  const numbers = new Float64Array(buffer.byteLength / size);
  for (let place = 0; place < numbers.length; place += 1) numbers[place] = read(place * size);
  return numbers;
}

const notATime = -(2n ** 63n);

function reader(view, kind, size, little, isBrain) {
  switch (`${kind}${size}`) {
  case "b1": case "u1": return (at) => view.getUint8(at);
  case "i1": return (at) => view.getInt8(at);
  case "i2": return (at) => view.getInt16(at, little);
  case "u2": return (at) => view.getUint16(at, little);
  case "i4": return (at) => view.getInt32(at, little);
  case "u4": return (at) => view.getUint32(at, little);
  case "i8": return (at) => Number(view.getBigInt64(at, little));
  case "u8": return (at) => Number(view.getBigUint64(at, little));
  case "M8": case "m8": return (at) => {
    const value = view.getBigInt64(at, little);
    return value === notATime ? NaN : Number(value);
  };
  case "f2": return isBrain ? (at) => brainFloat(view.getUint16(at, little)) : (at) => halfFloat(view.getUint16(at, little));
  case "f4": return (at) => view.getFloat32(at, little);
  case "f8": return (at) => view.getFloat64(at, little);
  case "c8": return (at) => Math.hypot(view.getFloat32(at, little), view.getFloat32(at + 4, little));
  case "c16": return (at) => Math.hypot(view.getFloat64(at, little), view.getFloat64(at + 8, little));
  default: throw new Error(`no numbers are drawn of ${kind}${size}`);
  }
}

const scratch = new DataView(new ArrayBuffer(4));

function brainFloat(bits) {
  scratch.setUint16(0, bits);
  scratch.setUint16(2, 0);
  return scratch.getFloat32(0);
}

function halfFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// Numbers, sizes and times as people read them.

import { exactStringify } from "./exact.js";

const grouped = new Intl.NumberFormat("en-US");

/** 1234567 as 1,234,567. */
export const count = (number) => grouped.format(number);

/** A number of bytes with a binary unit. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
  return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

/** A shape as 3 × 5; of nothing it is a scalar. */
export const shape = (extents) => (extents.length ? extents.map(count).join(" × ") : "scalar");

/** Times per second. */
export function rate(perSecond) {
  if (!perSecond) return "";
  return perSecond >= 10 ? `${count(Math.round(perSecond))}/s` : `${perSecond.toFixed(1)}/s`;
}

/** JSON over several lines, with lists of plain values on one. */
export const json = (value) => exactStringify(value, 2).replace(/\[\n\s*[^[\]{}]*?\]/g,
  (list) => list.replace(/\n\s*/g, " ").replace(/^\[ | \]$/g, (end) => end.trim()));

/** How long ago an instant was. */
export function age(instant) {
  const seconds = Math.max(0, (Date.now() - Date.parse(instant)) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** A number for an axis or a legend: at most so many significant digits, no trailing zeros. */
export function short(number, digits = 5) {
  if (!Number.isFinite(number)) return number > 0 ? "∞" : number < 0 ? "−∞" : "NaN";
  const size = Math.abs(number);
  const rounded = Number(number.toPrecision(digits));
  return size !== 0 && (size >= 10 ** (digits + 2) || size < 1e-4) ? rounded.toExponential() : String(rounded);
}

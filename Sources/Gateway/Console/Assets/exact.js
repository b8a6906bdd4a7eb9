// JSON whose numbers keep their digits: integers beyond 2^53, and the sign of -0.0.

const raw = JSON.rawJSON ?? Number;

/** JSON text as a value in which numbers that JavaScript would change stand as they are written. */
export const exactParse = (text) => JSON.parse(text, (_, value, context) => {
  const source = typeof value === "number" && context?.source;
  return source && String(value) !== source ? raw(source) : value;
});

/** The JSON of a value, `indent` spaces deep. */
export const exactStringify = (value, indent) =>
  JSON.stringify(value, (_, part) => (Object.is(part, -0) ? raw("-0.0") : part), indent);

// A scale of colours that looks even to the eye and grows lighter all the way, so that it also reads in grey.

// Matplotlib's viridis at nine even places.
const stops = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
  [170, 220, 50], [253, 231, 37],
];

/** 256 colours, each as red, green and blue. */
export const scale = Uint8ClampedArray.from({ length: 256 * 3 }, (_, place) => {
  const position = Math.floor(place / 3) / 255 * (stops.length - 1);
  const first = Math.min(Math.floor(position), stops.length - 2);
  const part = position - first;
  return stops[first][place % 3] * (1 - part) + stops[first + 1][place % 3] * part;
});

/** What is no number is drawn in this. */
export const nanColour = [214, 39, 40];

/** Lines that differ in light as well as in hue, for a light and a dark ground alike. */
export const lineColours = ["#1f83c4", "#e07b00", "#2f9e57", "#d03b66", "#8a63d2", "#9a7b1c", "#16a3a3", "#8b8b8b"];

/** The plots of the results: bars and lines as SVG, readable on a light and a dark page. */

const WIDTH = 720;
const LEFT = 250;
const RIGHT = 90;
const COLOURS = [
  "#2f6fb0",
  "#e08a1e",
  "#4d9a57",
  "#a04fa8",
  "#c2453d",
  "#6d6d6d",
  "#1d9aa0",
  "#8c6b4f",
  "#b5b12f",
];
const colour = (index: number): string => COLOURS[index % COLOURS.length] ?? "#000";

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("`", "");

const text = (x: number, y: number, what: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(what)}</text>`;

/** The shortest form that three digits allow. */
const short = (value: number): string => String(Number(value.toPrecision(3)));

function page(height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(12, 20, title, 'font-size="14" font-weight="bold"'),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** Squares with names in a row, as many as fit. */
function legend(names: readonly string[], y: number): string[] {
  let x = 12;
  return names.map((name, index) => {
    const made = `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour(index)}"/>${text(x + 14, y, name)}`;
    x += 30 + name.length * 7;
    return made;
  });
}

export interface Bar {
  name: string;
  /** One, or several that are stacked; in the order of the series. */
  values: readonly number[];
}

/** Horizontal bars; with more than one value each, stacked. */
export function bars(
  title: string,
  unit: string,
  all: readonly Bar[],
  series: readonly string[] = [],
): string {
  const top = series.length > 1 ? 56 : 36;
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const most = Math.max(...all.map(({ values }) => sum(values)), Number.MIN_VALUE);
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const parts = all.flatMap(({ name, values }, row) => {
    const y = top + row * 24;
    let x = LEFT;
    const drawn = values.map((value, index) => {
      const width = value * scale;
      const made = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="16" fill="${colour(index)}"/>`;
      x += width;
      return made;
    });
    return [
      text(LEFT - 8, y + 12, name, 'text-anchor="end"'),
      ...drawn,
      text(x + 6, y + 12, `${short(sum(values))} ${unit}`),
    ];
  });
  return page(top + all.length * 24 + 12, title, [
    ...(series.length > 1 ? legend(series, 40) : []),
    ...parts,
  ]);
}

export interface Line {
  name: string;
  /** In the order of x. */
  points: readonly { x: number; y: number; label?: string }[];
}

/** Lines or, with one point each, dots, over linear axes that begin at 0. */
export function lines(title: string, axes: { x: string; y: string }, all: readonly Line[]): string {
  const height = 380;
  const [left, right, top, bottom] = [70, WIDTH - 110, 60, height - 50];
  const points = all.flatMap((line) => line.points);
  const most = (of: (point: { x: number; y: number }) => number): number =>
    Math.max(...points.map(of), Number.MIN_VALUE) * 1.05;
  const [mostX, mostY] = [most(({ x }) => x), most(({ y }) => y)];
  const at = (point: { x: number; y: number }): { x: number; y: number } => ({
    x: left + (point.x / mostX) * (right - left),
    y: bottom - (point.y / mostY) * (bottom - top),
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const { x, y } = at({ x: share * mostX, y: share * mostY });
    return [
      `<line x1="${left}" x2="${right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#ddd"/>`,
      text(left - 6, y + 4, short(share * mostY), 'text-anchor="end"'),
      text(x, bottom + 16, short(share * mostX), 'text-anchor="middle"'),
    ];
  });
  const drawn = all.flatMap((line, index) => {
    const places = line.points.map(at);
    const path = places.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    return [
      `<polyline points="${path}" fill="none" stroke="${colour(index)}" stroke-width="2"/>`,
      ...places.map(
        ({ x, y }) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4" fill="${colour(index)}"/>`,
      ),
      ...line.points.flatMap(({ label }, which) => {
        const place = places[which];
        return label === undefined || !place ? [] : [text(place.x + 7, place.y - 6, label)];
      }),
    ];
  });
  return page(height, title, [
    ...legend(
      all.map(({ name }) => name),
      40,
    ),
    ...ticks,
    ...drawn,
    text((left + right) / 2, height - 12, axes.x, 'text-anchor="middle"'),
    text(
      14,
      (top + bottom) / 2,
      axes.y,
      `text-anchor="middle" transform="rotate(-90 14 ${(top + bottom) / 2})"`,
    ),
  ]);
}

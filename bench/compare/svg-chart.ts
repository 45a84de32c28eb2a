// Draws bar charts as plain SVG: panels below each other, with a bar for each proxy and Framegate's in its own colour. A chart has
// its own background, so that it is readable on any page.

export interface Bar {
  readonly label: string;
  readonly value: number;
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

export interface Theme {
  readonly background: string;
  readonly text: string;
  readonly heading: string;
  readonly faint: string;
  readonly highlighted: string;
  readonly bar: string;
}

export const LIGHT: Theme = {
  background: '#ffffff',
  text: '#111827',
  heading: '#374151',
  faint: '#6b7280',
  highlighted: '#0f766e',
  bar: '#94a3b8',
};

export const DARK: Theme = {
  background: '#0d1117',
  text: '#e6edf3',
  heading: '#c9d1d9',
  faint: '#9198a1',
  highlighted: '#2dd4bf',
  bar: '#57606a',
};

const WIDTH = 720;
const MARGIN = 16;
const LABEL_WIDTH = 96;
const VALUE_WIDTH = 130;
const BAR_HEIGHT = 16;
const BAR_STEP = 21;
const TITLE_HEIGHT = 30;
const HEADLINE_HEIGHT = 44;
const FOOT_HEIGHT = 28;
const FONT = 'font-family="system-ui, sans-serif"';

export function chart(
  headline: string,
  foot: string,
  panels: readonly Panel[],
  highlighted: string,
  theme: Theme = LIGHT,
): string {
  let y = HEADLINE_HEIGHT;
  const parts = panels.map((panel) => {
    const drawn = drawPanel(panel, y, highlighted, theme);
    y += panelHeight(panel);
    return drawn;
  });
  const height = y + FOOT_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escape(headline)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="${theme.background}"/>`,
    `<text x="${MARGIN}" y="28" ${FONT} font-size="18" font-weight="600" fill="${theme.text}">${escape(headline)}</text>`,
    ...parts,
    `<text x="${MARGIN}" y="${height - 10}" ${FONT} font-size="11" fill="${theme.faint}">${escape(foot)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function panelHeight({ bars }: Panel): number {
  return TITLE_HEIGHT + bars.length * BAR_STEP + 10;
}

function drawPanel({ title, unit, bars }: Panel, top: number, highlighted: string, theme: Theme): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH;
  const own = bars.find(({ label }) => label === highlighted)?.value ?? Number.NaN;
  const lines = bars.map(({ label, value }, index) => {
    const y = top + TITLE_HEIGHT + index * BAR_STEP;
    const width = Math.max(1, Math.round((value / most) * room));
    const colour = label === highlighted ? theme.highlighted : theme.bar;
    const text = y + BAR_HEIGHT - 4;
    const left = MARGIN + LABEL_WIDTH;
    return [
      `<text x="${left - 8}" y="${text}" ${FONT} font-size="12" text-anchor="end" fill="${theme.text}">${escape(label)}</text>`,
      `<rect x="${left}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${colour}"/>`,
      `<text x="${left + width + 6}" y="${text}" ${FONT} font-size="12" fill="${theme.text}">${valueText(value, own, label === highlighted)}</text>`,
    ].join('\n');
  });
  const heading = `<text x="${MARGIN}" y="${top + 20}" ${FONT} font-size="13" font-weight="600" fill="${theme.heading}">${escape(title)} <tspan font-weight="400" fill="${theme.faint}">(${escape(unit)})</tspan></text>`;
  return [heading, ...lines].join('\n');
}

/** @returns text such as `26.3 (5.9 x)`, where the factor is relative to the highlighted bar */
function valueText(value: number, own: number, isOwn: boolean): string {
  const figure = significant(value);
  return isOwn || Number.isNaN(own) ? figure : `${figure} (${significant(value / own)} x)`;
}

/** Rounds to three significant digits, because the measurements are not more exact. */
export function significant(value: number): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(3, decimals));
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

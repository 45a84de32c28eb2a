// What to do about a diagnosis, which comes as Markdown: just so much of it as the pages of docs/diagnoses have. What a view makes of it
// is text in elements, so nothing in it can become markup.

export type RemedyBlock =
  | { readonly kind: 'code'; readonly text: string }
  | {
      readonly kind: 'items';
      readonly isNumbered: boolean;
      readonly items: readonly (readonly RemedySpan[])[];
    }
  | { readonly kind: 'paragraph'; readonly spans: readonly RemedySpan[] };

export interface RemedySpan {
  readonly text: string;
  readonly isCode: boolean;
}

const FENCE = /^```/;
const ITEM = /^(?:[-*]|\d+\.) +/;

export function remedyBlocks(markdown: string): readonly RemedyBlock[] {
  const blocks: RemedyBlock[] = [];
  const lines = markdown.split('\n');
  while (lines.length > 0) {
    const line = lines[0];
    if (line.trim() === '') lines.shift();
    else if (FENCE.test(line)) blocks.push(takeCode(lines));
    else if (line.startsWith('|'))
      blocks.push({ kind: 'code', text: takeWhile(lines, (row) => row.startsWith('|')).join('\n') });
    else if (ITEM.test(line)) blocks.push(takeItems(lines));
    else blocks.push({ kind: 'paragraph', spans: spansOf(takeWhile(lines, isOfParagraph).join(' ')) });
  }
  return blocks;
}

function takeCode(lines: string[]): RemedyBlock {
  lines.shift();
  const text = takeWhile(lines, (line) => !FENCE.test(line)).join('\n');
  lines.shift();
  return { kind: 'code', text };
}

function takeItems(lines: string[]): RemedyBlock {
  const isNumbered = /^\d/.test(lines[0]);
  const items: string[] = [];
  for (const line of takeWhile(lines, (one) => one.trim() !== '' && !FENCE.test(one))) {
    if (ITEM.test(line) || items.length === 0) items.push(line.replace(ITEM, ''));
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return { kind: 'items', isNumbered, items: items.map(spansOf) };
}

function isOfParagraph(line: string): boolean {
  return line.trim() !== '' && !FENCE.test(line) && !line.startsWith('|') && !ITEM.test(line);
}

function takeWhile(lines: string[], isWanted: (line: string) => boolean): readonly string[] {
  const end = lines.findIndex((line) => !isWanted(line));
  return lines.splice(0, end === -1 ? lines.length : end);
}

/** `code` is set apart. Bold and italics become plain text. */
export function spansOf(text: string): readonly RemedySpan[] {
  return text
    .split('`')
    .map((part, index) => ({
      text: index % 2 === 1 ? part : part.replaceAll('**', ''),
      isCode: index % 2 === 1,
    }))
    .filter((span) => span.text !== '');
}

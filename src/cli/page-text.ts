// Shows a page of docs/diagnoses in a terminal: its headings, tables, code and links, without Markdown's marks.

import { join } from 'node:path';
import { stripVTControlCharacters, styleText } from 'node:util';

const FENCE = '```';
const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

/**
 * @param markdown with headings, paragraphs, lists, tables, fences, code, bold text and links; other marks stay as they are
 * @param width how many characters a line may have; code and single words may be longer
 * @param stream the stream decides whether there are colours
 */
export function pageText(markdown: string, width: number, stream: NodeJS.WriteStream): string {
  const shown: string[] = [];
  for (const block of blocksOf(markdown)) shown.push(...blockText(block, width, stream), '');
  return shown.join('\n');
}

/** @returns what stands between empty lines; a fence is one block, whatever is in it */
function blocksOf(markdown: string): readonly (readonly string[])[] {
  const blocks: string[][] = [[]];
  let isFenced = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith(FENCE)) isFenced = !isFenced;
    if (line === '' && !isFenced) blocks.push([]);
    else blocks[blocks.length - 1].push(line);
  }
  return blocks.filter((block) => block.length > 0);
}

function blockText(block: readonly string[], width: number, stream: NodeJS.WriteStream): readonly string[] {
  const [first] = block;
  if (first.startsWith('#')) {
    const heading = first
      .replace(/^#+ /, '')
      .replaceAll(INLINE, (_, code, bold, label) => code ?? bold ?? label);
    return [styleText('bold', heading, { stream })];
  }
  if (first.startsWith(FENCE)) {
    return block.filter((line) => !line.startsWith(FENCE)).map((line) => `    ${line}`);
  }
  if (first.startsWith('|')) return tableText(block, width, stream);
  if (/^(?:[-*]|\d+\.) /.test(first)) {
    const items = block.join('\n').split(/\n(?=(?:[-*]|\d+\.) )/);
    return items.flatMap((item) => wrapped(item, width, '  ', stream));
  }
  return wrapped(block.join('\n'), width, '', stream);
}

/** Cells are often longer than a terminal is wide, so each row begins with its first cell, and the others follow below it. */
function tableText(rows: readonly string[], width: number, stream: NodeJS.WriteStream): readonly string[] {
  const [head, , ...body] = rows.map(cellsOf);
  return body.flatMap(([first, ...others]) => [
    ...wrapped(first, width, '  ', stream),
    ...others.flatMap((cell, index) => {
      const label = others.length > 1 && cell !== '' ? `${head[index + 1]}: ` : '';
      return cell === ''
        ? []
        : wrapped(`${label}${cell}`, width - 6, '', stream).map((line) => `      ${line}`);
    }),
  ]);
}

/** @returns the cells of a row; a vertical bar behind a backslash is a part of its cell */
function cellsOf(row: string): readonly string[] {
  const inner = row.replace(/^\|/, '').replace(/\|\s*$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** @param indent what stands before each line but the first */
function wrapped(text: string, width: number, indent: string, stream: NodeJS.WriteStream): readonly string[] {
  // Code keeps its spaces, but a line may end between its words.
  const styled = text.replaceAll(/\n */g, ' ').replaceAll(INLINE, (_, code, bold, label, target) => {
    if (code !== undefined) return styleWords('cyan', String(code), stream);
    return bold === undefined
      ? linkText(String(label), String(target))
      : styleWords('bold', String(bold), stream);
  });
  const lines: string[] = [];
  let line = '';
  for (const word of styled.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && visibleLength(longer) > width) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = longer;
  }
  return [...lines, line];
}

/** Styles each word for itself, since a line may break between them. */
function styleWords(style: 'bold' | 'cyan', text: string, stream: NodeJS.WriteStream): string {
  return text
    .split(' ')
    .map((word) => (word === '' ? '' : styleText(style, word, { stream })))
    .join(' ');
}

/**
 * Other pages are named by their code, which `explain` takes; any other document is named by its path within the package. A link to
 * another part of the page that is shown needs no name.
 */
function linkText(label: string, target: string): string {
  const plain = label.replaceAll('`', '');
  if (/^(?:#|FG\d+\.md)/.test(target)) return plain;
  return `${plain} (${target.includes('://') ? target : join('docs/diagnoses', target)})`;
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}

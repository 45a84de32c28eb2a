// Holds docs/operating.md to the log: every message that src can write is in its table, with its level, and no other is.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const CALL = /\b\w*[lL]og(?:ger)?\??\.(trace|debug|info|warn|error|fatal)\(/g;
/** Messages that are sentences of the documentation elsewhere, by the expression that stands for them. */
const SENTENCES: Readonly<Record<string, string>> = {
  'describeProgress(running)': 'draining: … left, oldest … s, …',
  'describeRefusals(refusals)': '… to upstream … since … (limits.…)',
  // docs/diagnoses has them, by their code.
  sentence: '… (a diagnosis)',
  // What `framegate check` says.
  warning: '… (a warning of the configuration)',
};
/** What `level` and message every line can have, as the table writes it: `warn …`. */
function messagesOf(source: string): string[] {
  return [...source.matchAll(CALL)].flatMap(({ 1: level, 0: call, index }) => {
    const { end, last } = argumentsAt(source, index + call.length);
    assert.ok(end > index, 'the call has an end');
    return wordings(last, source).map((wording) => `${level} ${wording}`);
  });
}

/** The end of a call, and its last argument. */
function argumentsAt(source: string, start: number): { readonly end: number; readonly last: string } {
  let depth = 1;
  let from = start;
  for (let at = start; at < source.length; at++) {
    const character = source[at];
    if (character === "'" || character === '`') at = endOfText(source, at);
    else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === ',' && depth === 1 && !/^,\s*\)/.test(source.slice(at, at + 80))) from = at + 1;
    if (depth === 0) return { end: at, last: source.slice(from, at).replace(/,\s*$/, '').trim() };
  }
  throw new Error('a call without an end');
}

/** The closing quote of the text that begins at `start`, with what is put into it by `${}`. */
function endOfText(source: string, start: number): number {
  const quote = source[start];
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++;
    else if (source[at] === quote) return at;
    else if (quote === '`' && source.startsWith('${', at)) at = source.indexOf('}', at);
  }
  throw new Error('a text without an end');
}

/** What an expression can be. */
function wordings(expression: string, source: string): readonly string[] {
  const known = SENTENCES[expression];
  if (known !== undefined) return [known];
  if (/^['`]/.test(expression)) return [plain(expression, source)];
  const [name] = /^\w+/.exec(expression) ?? [''];
  const definition = new RegExp(`\\b(?:const|function) ${name}\\b[^]*?(?:;\\n|\\n}\\n)`).exec(source)?.[0];
  const texts = definition?.match(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g) ?? [];
  assert.ok(texts.length > 0, `where does ${expression} come from? Give it a text in the same file`);
  return texts.map((text) => plain(text, source));
}

/** `…` for what is put in, but for a constant text of the file. */
function plain(literal: string, source: string): string {
  const text = literal.slice(1, -1).replaceAll("\\'", "'");
  return text.replaceAll(
    /\$\{([^}]*)\}/g,
    (_, expression: string) => constantText(expression, source) ?? '…',
  );
}

function constantText(name: string, source: string): string | undefined {
  return /^\w+$/.test(name)
    ? new RegExp(`\\bconst ${name} =\\s*'([^'\\\\\n]+)';`).exec(source)?.[1]
    : undefined;
}

test('docs/operating.md explains every message of the log, and no other', () => {
  const folder = join(root, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const written = new Set(files.flatMap((file) => messagesOf(readFileSync(join(folder, file), 'utf8'))));
  written.add('info exchange finished');
  const text = readFileSync(join(root, 'docs/operating.md'), 'utf8');
  const rows = text.matchAll(/^\| (trace|debug|info|warn|error|fatal) \| `([^`]+)` \|/gm);
  const documented = Array.from(rows, ([, level, message]) => `${level} ${message}`);
  assert.deepEqual(
    documented.filter((row) => !written.has(row)),
    [],
    'rows that no line of the log has',
  );
  const explained = new Set(documented.map(withoutLevel));
  const unexplained = [...written].filter((message) => !explained.has(withoutLevel(message)));
  assert.deepEqual(unexplained, [], 'messages that have no row');
});

/** A message that comes from a table of several has the levels of all of them here. */
function withoutLevel(message: string): string {
  return message.slice(message.indexOf(' ') + 1);
}

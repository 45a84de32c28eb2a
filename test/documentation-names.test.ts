// The page that follows a call through the code names classes, members and files. Each of these names must exist.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs/life-of-an-exchange.md'), 'utf8');
const FILES = new Map(
  globSync('src/**/*.ts', { cwd: ROOT }).map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]),
);
const CODE = Array.from(FILES.values(), withoutComments);

/** Names that are not of the code: header fields, keys of the configuration, signals, values. */
const OF_OTHERS = /^(?:[a-z][a-z0-9]*(?:[-_:][a-z0-9]+)+|:[a-z]+|HTTP\/.*)$/;
const NOT_CODE: ReadonlySet<string> = new Set([
  'timeouts',
  'timeouts.idle',
  'drain.timeout',
  'perTry',
  'retry',
  'hedge',
  'limits',
  'traceparent',
]);

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
}

function isFile(name: string): boolean {
  return Array.from(FILES.keys()).some((file) => `/${file}`.endsWith(`/${name}`));
}

/** Whether something of this name is declared, and not only used. */
function isDeclared(name: string, sources: readonly string[] = CODE): boolean {
  const word = name.replaceAll(/[$#]/g, String.raw`\$&`);
  const declaration = new RegExp(
    String.raw`\b(?:class|interface|type|const|let|function)\s+${word}\b|^\s*(?:(?:export|readonly|static|async|get|set)\s+)*${word}\??\s*(?:[(<:=;]|$)`,
    'm',
  );
  return sources.some((source) => declaration.test(source));
}

/** The sources of those who have this name as a class or an interface. */
function sourcesOf(type: string): readonly string[] {
  const declaration = new RegExp(String.raw`\b(?:class|interface)\s+${type}\b`);
  return CODE.filter((source) => declaration.test(source));
}

/** What is wrong with a name, or undefined. */
function faultOf(name: string): string | undefined {
  if (/\.ts$|\//.test(name)) {
    const isFolder = Array.from(FILES.keys()).some((file) => file.startsWith(`src/${name}`));
    return isFolder || isFile(name) ? undefined : 'is no file of src';
  }
  const [first, ...members] = name.split('.');
  if (members.length === 0) return isDeclared(first) ? undefined : 'is not declared in src';
  const [member] = members;
  if (!/^[A-Z]/.test(first)) return isDeclared(member) ? undefined : 'has no such member';
  return isDeclared(member, sourcesOf(first)) ? undefined : `is no member of ${first}`;
}

function namesOnPage(): readonly string[] {
  const diagram = /```mermaid\n([^]*?)```/.exec(PAGE)?.[1] ?? '';
  const blocks = PAGE.replaceAll(/^```[^]*?^```$/gm, '');
  const quoted = Array.from(blocks.matchAll(/`([^`\n]+)`/g), ([, name]) => name.replace(/\(.*\)$/, ''));
  // In the labels of the diagram only names that are no English words can be told from others.
  const labels = Array.from(diagram.matchAll(/"([^"]*)"/g), ([, label]) => label).join(' ');
  const drawn = labels.match(/#?\b[A-Za-z]+(?:\.[a-z]\w*|[a-z][A-Z]\w*)\b/g) ?? [];
  return [...new Set([...quoted, ...drawn])].filter((name) => !OF_OTHERS.test(name) && !NOT_CODE.has(name));
}

test('the page about the life of an exchange names what exists', () => {
  const names = namesOnPage();
  assert.ok(names.length > 100, `${names.length} names`);
  const wrong = names.flatMap((name) => {
    const fault = faultOf(name);
    return fault === undefined ? [] : [`${name} ${fault}`];
  });
  assert.deepEqual(wrong, []);
});

test('a name that does not exist is found', () => {
  for (const name of ['deadlineHasPassed', 'Exchange.nothing', 'NoClass', 'relay/nothing.ts', '#nothing'])
    assert.notEqual(faultOf(name), undefined, name);
  for (const name of ['Exchange', 'Exchange.start', '#finish', 'relay/exchange.ts', 'review.ts'])
    assert.equal(faultOf(name), undefined, name);
});

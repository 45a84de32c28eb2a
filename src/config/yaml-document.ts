// A YAML text as plain data, with the faults of its syntax and the place of every key and value in it.
// The only file that knows the yaml package.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { ConfigPath } from './config-path.ts';
import type { Fault, Position, PositionLookup } from './problem.ts';

export interface YamlDocument extends PositionLookup {
  /** Undefined when the text is empty or its syntax leaves doubt about what it says. */
  readonly value: unknown;
  readonly faults: readonly (Fault & Position)[];
}

/** Aliases that may be followed, the expansions of expansions counted: a few lines can stand for gigabytes. */
const mostAliases = 100;

export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  // Lists within lists, thousands deep, exhaust the parser's stack; it reports that among its errors.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const syntaxFaults = [...document.errors, ...document.warnings].map((error) => describe(error, lines));
  const faults = [...syntaxFaults, ...forbiddenKeys(document, lines)];
  // A key that stands twice leaves the rest of the file readable, so its other problems can be told as well.
  const isReadable = document.errors.every((error) => error.code === 'DUPLICATE_KEY');
  const locate = (path: ConfigPath, at: 'key' | 'value') => positionOf(document, lines, path, at);
  if (!isReadable || document.contents === null) return { value: undefined, faults, locate };
  try {
    return { value: document.toJS({ maxAliasCount: mostAliases }), faults, locate };
  } catch (error) {
    return { value: undefined, locate, faults: [...faults, { line: 1, column: 1, ...aliasFault(error) }] };
  }
}

function aliasFault(error: unknown): Fault {
  return {
    message: `holds aliases that cannot be resolved, or more than ${mostAliases}`,
    hint: reasonOf(error),
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describe(error: YAMLError, lines: LineCounter): Fault & Position {
  const place = positionAt(lines, error.pos[0]);
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { ...place, message: 'a tab is used as indentation', hint: 'YAML is indented with spaces' };
    case 'DUPLICATE_KEY':
      return { ...place, message: 'this key stands twice in its map', hint: 'remove one of the two' };
    case 'MULTIPLE_DOCS':
      return {
        ...place,
        message: 'the file holds more than one YAML document',
        hint: "remove the '---' and what follows",
      };
    case 'NON_STRING_KEY':
      return { ...place, message: 'a key must be text' };
    case 'TAG_RESOLVE_FAILED':
      return { ...place, message: 'tags are not supported', hint: error.message };
    default:
      return { ...place, message: `not valid YAML: ${error.message}` };
  }
}

/** `__proto__` could reach a prototype and `<<` looks like a merge, which YAML 1.2 does not have. */
function forbiddenKeys(document: Document, lines: LineCounter): readonly (Fault & Position)[] {
  const faults: (Fault & Position)[] = [];
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key)) return;
      const place = positionAt(lines, pair.key.range?.[0] ?? 0);
      if (pair.key.value === '__proto__') faults.push({ ...place, message: "'__proto__' cannot be a key" });
      if (pair.key.value === '<<') {
        faults.push({
          ...place,
          message: "merge keys ('<<') are not supported",
          hint: 'write the keys out, or use an alias for the whole value',
        });
      }
    },
  });
  return faults;
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** Walks from the root; where a step is not in the file, the place of the parent is what can be pointed at. */
function positionOf(document: Document, lines: LineCounter, path: ConfigPath, at: 'key' | 'value'): Position {
  let node = follow(document, document.contents);
  let nameOffset = 0;
  let valueOffset = node?.range?.[0] ?? 0;
  for (const step of path) {
    const child = childOf(node, step);
    if (child === undefined) return positionAt(lines, nameOffset);
    const childOffset = child.value?.range?.[0];
    nameOffset = child.key?.range?.[0] ?? childOffset ?? nameOffset;
    valueOffset = childOffset ?? nameOffset;
    node = follow(document, child.value);
  }
  return positionAt(lines, at === 'key' || path.length === 0 ? nameOffset : valueOffset);
}

function childOf(
  node: Node | null,
  step: string | number,
): { key: Node | null; value: Node | null } | undefined {
  if (isSeq<Node>(node)) {
    const item = typeof step === 'number' ? node.items[step] : undefined;
    return item === undefined ? undefined : { key: null, value: item };
  }
  if (!isMap<Node, Node | null>(node)) return undefined;
  // The last pair of a name is the one whose value counts when a key stands twice.
  return node.items.findLast(
    (pair: Pair<Node, Node | null>) => isScalar(pair.key) && String(pair.key.value) === String(step),
  );
}

function follow(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

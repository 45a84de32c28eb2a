// Reads a YAML text as plain data, with its syntax errors and the position of every key and value.
// This is the only file that imports the yaml package.

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import type { ConfigPath } from './config-path.ts';
import { type Fault, MOST_PROBLEMS, type Position, type PositionLookup } from './problem.ts';
import { describeSyntax, unquotedStar } from './yaml-faults.ts';

export interface YamlDocument extends PositionLookup {
  /** Undefined if the text is empty or has syntax errors that make its meaning uncertain. */
  readonly value: unknown;
  readonly faults: readonly (Fault & Position)[];
}

/** The maximum number of alias expansions, nested ones included: a few lines of aliases can stand for gigabytes. */
const mostAliases = 100;

export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  // Lists that are nested thousands deep exhaust the parser's stack; the parser reports that as one of its errors.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // The parser compares each key with all before it. joinDuplicates() finds what stands twice in one pass.
    uniqueKeys: false,
  });
  const complaints = [...document.errors, ...document.warnings].slice(0, MOST_PROBLEMS + 1);
  const complaintFaults = firstOfEachLine(complaints.map((error) => describe(error, text, lines, document)));
  const complaintLines = new Set(complaintFaults.map(({ line }) => line));
  const isQuiet = ({ line }: Position): boolean => !complaintLines.has(line);
  const faults = [
    ...complaintFaults,
    ...replaceStrayAliases(document, lines).filter(isQuiet),
    ...joinDuplicates(document, lines),
    ...forbiddenKeys(document, lines),
  ];
  const positions = new Positions(document, lines);
  const locate = (path: ConfigPath, at: 'key' | 'value') => positions.of(path, at);
  if (document.errors.length > 0 || document.contents === null) return { value: undefined, faults, locate };
  try {
    return { value: document.toJS({ maxAliasCount: mostAliases }), faults, locate };
  } catch (error) {
    return { value: undefined, locate, faults: [...faults, { line: 1, column: 1, ...aliasFault(error) }] };
  }
}

function aliasFault(error: unknown): Fault {
  return {
    message: `holds aliases that cannot be resolved, or more than ${mostAliases}`,
    hint: error instanceof Error ? error.message : String(error),
  };
}

/** Keeps the first fault of each line. Later ones mostly come from the parser trying to recover. */
function firstOfEachLine(faults: readonly (Fault & Position)[]): readonly (Fault & Position)[] {
  const seen = new Set<number>();
  return faults.filter(({ line }) => !seen.has(line) && seen.add(line));
}

function describe(error: YAMLError, text: string, lines: LineCounter, document: Document): Fault & Position {
  const place = positionAt(lines, openedAt(error, document) ?? error.pos[0]);
  const line = text.split('\n', place.line)[place.line - 1] ?? '';
  const { code, message } = error;
  return { ...place, ...describeSyntax({ code, message, line, column: place.column }) };
}

/** The offset of an unclosed quotation mark. The parser reports only where it gave up, which is the end of the file. */
function openedAt({ message }: YAMLError, document: Document): number | undefined {
  if (!/Missing closing ["']quote/.test(message)) return undefined;
  let offset: number | undefined;
  visit(document, {
    Scalar(_, { type, range }) {
      if (type?.startsWith('QUOTE') === true) offset = range?.[0];
    },
  });
  return offset;
}

/**
 * Merges the values of a duplicate key, so that references to them resolve and the duplicate stays the only message. If the
 * values are neither both maps nor both lists, the last one counts.
 */
function joinDuplicates(document: Document, lines: LineCounter): readonly (Fault & Position)[] {
  const faults: (Fault & Position)[] = [];
  visit(document, {
    Map(_, node: unknown) {
      if (!isMap<Node, Node | null>(node)) return;
      const named = new Map<unknown, Pair<Node, Node | null>>();
      node.items = node.items.filter((pair) => {
        const name = nameOf(pair);
        const first = named.get(name);
        if (first === undefined) {
          named.set(name, pair);
          return true;
        }
        const { line } = positionAt(lines, first.key.range?.[0] ?? 0);
        const place = positionAt(lines, pair.key.range?.[0] ?? 0);
        const message = `'${String(name)}' stands twice in this map: the first one is on line ${line}`;
        faults.push({ ...place, message, hint: 'remove one, or put what both hold under one of them' });
        // To join costs as much as what was joined before. The rest is not looked at until the faults that are shown are fixed.
        if (faults.length <= MOST_PROBLEMS) join(first, pair);
        return false;
      });
    },
  });
  return faults;
}

function join(first: Pair<Node, Node | null>, second: Pair<Node, Node | null>): void {
  if (isSeq(first.value) && isSeq(second.value)) {
    first.value.items = first.value.items.concat(second.value.items);
  } else if (isMap<Node, Node | null>(first.value) && isMap<Node, Node | null>(second.value)) {
    const named = new Map(first.value.items.map((pair) => [nameOf(pair), pair]));
    for (const pair of second.value.items) {
      const known = named.get(nameOf(pair));
      if (known === undefined) first.value.items.push(pair);
      else join(known, pair);
    }
  } else first.value = second.value;
}

function nameOf({ key }: Pair<Node, Node | null>): unknown {
  return isScalar(key) ? String(key.value) : key;
}

/** Replaces each alias that has no anchor by the text it was meant as, so that the rest of the file can be checked. */
function replaceStrayAliases(document: Document, lines: LineCounter): readonly (Fault & Position)[] {
  const faults: (Fault & Position)[] = [];
  const anchors = new Set<string>();
  visit(document, {
    Node(_, node) {
      if (!isAlias(node) && node.anchor !== undefined) anchors.add(node.anchor);
    },
  });
  visit(document, {
    Alias(_, alias: Alias) {
      if (anchors.has(alias.source)) return undefined;
      const text = `*${alias.source}`;
      faults.push({ ...positionAt(lines, alias.range?.[0] ?? 0), ...unquotedStar(text) });
      const scalar = new Scalar(text);
      scalar.range = alias.range ?? null;
      return scalar;
    },
  });
  return faults;
}

/** Rejects `__proto__`, which could change a prototype, and `<<`, which looks like a merge key but YAML 1.2 has none. */
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

type Child = { readonly key: Node | null; readonly value: Node | null };

/** Where each path of one document stands. What one search has read of a map or an alias is kept for the others. */
class Positions {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #pairs = new Map<Node, ReadonlyMap<string, Child>>();
  readonly #targets = new Map<Node, Node | null>();

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** Follows the path from the root. If a step is not in the file, the result is the position of its parent. */
  of(path: ConfigPath, at: 'key' | 'value'): Position {
    let node = this.#follow(this.#document.contents);
    let nameOffset = 0;
    let valueOffset = node?.range?.[0] ?? 0;
    for (const step of path) {
      const child = this.#childOf(node, step);
      if (child === undefined) return positionAt(this.#lines, nameOffset);
      const childOffset = child.value?.range?.[0];
      nameOffset = child.key?.range?.[0] ?? childOffset ?? nameOffset;
      valueOffset = childOffset ?? nameOffset;
      node = this.#follow(child.value);
    }
    return positionAt(this.#lines, at === 'key' || path.length === 0 ? nameOffset : valueOffset);
  }

  #childOf(node: Node | null, step: string | number): Child | undefined {
    if (isSeq<Node>(node)) {
      const item = typeof step === 'number' ? node.items[step] : undefined;
      return item === undefined ? undefined : { key: null, value: item };
    }
    if (!isMap<Node, Node | null>(node)) return undefined;
    let pairs = this.#pairs.get(node);
    if (pairs === undefined) {
      // If a key is duplicated, the value of the last pair counts.
      pairs = new Map(
        node.items.flatMap((pair: Pair<Node, Node | null>) =>
          isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [],
        ),
      );
      this.#pairs.set(node, pairs);
    }
    return pairs.get(String(step));
  }

  #follow(node: Node | null): Node | null {
    if (!isAlias(node)) return node;
    let target = this.#targets.get(node);
    if (target === undefined) {
      target = node.resolve(this.#document) ?? null;
      this.#targets.set(node, target);
    }
    return target;
  }
}

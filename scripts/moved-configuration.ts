// Makes a copy of a configuration in which listeners, the admin server and endpoints have other addresses. All else stays as it is
// written, comments included.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { type Document, isMap, isScalar, parseDocument, type Range, type Scalar, visit } from 'yaml';

export interface Moves {
  /** The new address of listeners, by their place in the list. */
  readonly listeners: ReadonlyMap<number, string>;
  readonly admin: string | undefined;
  /** New addresses of endpoints, by the old ones. */
  readonly endpoints: ReadonlyMap<string, string>;
}

/** @returns the text of the configuration with the new addresses. Where each is written in its place, nothing else of it changes. */
export function moveAddresses(text: string, moves: Moves): string {
  const document = parseDocument(text);
  const edits: Edit[] = [];
  const elsewhere: Missing[] = [];
  const replace = (path: readonly (string | number)[], address: string): void => {
    const node = document.getIn([...path, 'address'], true);
    if (isPlain(node)) edits.push({ range: node.range, address });
    else elsewhere.push({ path, address });
  };
  for (const [index, address] of moves.listeners) replace(['listeners', index], address);
  if (moves.admin !== undefined) replace(['admin'], moves.admin);
  edits.push(...endpointEdits(document, moves.endpoints));
  return elsewhere.reduce(withAddress, applyEdits(text, edits));
}

/** A place without an address that is written there: it comes from an alias or a block of lines, or is left out. */
interface Missing {
  readonly path: readonly (string | number)[];
  readonly address: string;
}

/** Whether a text can be replaced where it is. The range of a block of lines includes the line break behind it. */
function isPlain(node: unknown): node is Scalar & { readonly range: Range } {
  return (
    isScalar(node) && Boolean(node.range) && node.type !== 'BLOCK_FOLDED' && node.type !== 'BLOCK_LITERAL'
  );
}

function endpointEdits(document: Document, endpoints: Moves['endpoints']): readonly Edit[] {
  const edits: Edit[] = [];
  const upstreams = document.get('upstreams', true);
  if (!isMap(upstreams)) return edits;
  const movedTo = (node: unknown): string | undefined =>
    isScalar(node) ? endpoints.get(String(node.value)) : undefined;
  const fail = (node: unknown): void => {
    if (movedTo(node) !== undefined)
      throw new Error(cannotMove(`the endpoint ${String(isScalar(node) && node.value)}`));
  };
  visit(upstreams, {
    Alias: (_, alias) => fail(alias.resolve(document)),
    // No key of a configuration is an address.
    Scalar: (_, node) => {
      const address = movedTo(node);
      if (address === undefined) return;
      if (isPlain(node)) edits.push({ range: node.range, address });
      else fail(node);
    },
  });
  return edits;
}

function cannotMove(what: string): string {
  return `the port of ${what} is taken, and another one cannot be written in its place: write the address there, without an alias and on one line`;
}

interface Edit {
  /** Where the old address is: its begin, its end, and the end of what belongs to it. */
  readonly range: Range;
  readonly address: string;
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  const lastFirst = edits.toSorted((one, other) => other.range[0] - one.range[0]);
  return lastFirst.reduce(
    (moved, { range: [begin, end], address }) =>
      // In quotes, because an address of IPv6 begins with a bracket.
      `${moved.slice(0, begin)}${JSON.stringify(address)}${moved.slice(end)}`,
    text,
  );
}

/** The address of the admin server is often left out, and has to be added then. */
function withAddress(text: string, { path, address }: Missing): string {
  const document = parseDocument(text);
  const parent = document.getIn(path, true);
  if (isMap(parent)) parent.set('address', address);
  else if (parent === undefined && path.length === 1)
    return `${text.trimEnd()}\n\n${path[0]}: { address: ${JSON.stringify(address)} }\n`;
  else if (isScalar(parent) && parent.value === null) document.setIn(path, document.createNode({ address }));
  else throw new Error(cannotMove(path.join(' ')));
  return document.toString({ lineWidth: 0 });
}

/**
 * Writes the copy beside the original, because paths in a configuration are relative to its folder. It goes with the process at the
 * latest.
 * @returns the name of the copy, and what removes it
 */
export function writeMovedCopy(
  file: string,
  moves: Moves,
): {
  readonly file: string;
  readonly remove: () => void;
} {
  const extension = extname(file);
  const name = `${basename(file, extension)}.start-${process.pid}${extension}`;
  const copy = join(dirname(file), name);
  writeFileSync(copy, moveAddresses(readFileSync(file, 'utf8'), moves));
  const remove = (): void => rmSync(copy, { force: true });
  process.once('exit', remove);
  return { file: copy, remove };
}

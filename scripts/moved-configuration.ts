// Makes a copy of a configuration in which listeners, the admin server and endpoints have other addresses. All else stays as it is
// written, comments included.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { isMap, isScalar, parseDocument, type Range, visit } from 'yaml';

export interface Moves {
  /** The new address of listeners, by their place in the list. */
  readonly listeners: ReadonlyMap<number, string>;
  readonly admin: string | undefined;
  /** New addresses of endpoints, by the old ones. */
  readonly endpoints: ReadonlyMap<string, string>;
}

/** @returns the text of the configuration with the new addresses; nothing else of it changes */
export function moveAddresses(text: string, moves: Moves): string {
  const document = parseDocument(text);
  const edits: Edit[] = [];
  const replace = (node: unknown, address: string): boolean => {
    if (!isScalar(node) || !node.range) return false;
    edits.push({ range: node.range, address });
    return true;
  };
  for (const [index, address] of moves.listeners) {
    replace(document.getIn(['listeners', index, 'address'], true), address);
  }
  const upstreams = document.get('upstreams', true);
  if (isMap(upstreams)) {
    visit(upstreams, {
      Scalar: (key, node) => {
        const address = key === 'key' ? undefined : moves.endpoints.get(String(node.value));
        if (address !== undefined) replace(node, address);
      },
    });
  }
  const { admin } = moves;
  const isAdded = admin !== undefined && !replace(document.getIn(['admin', 'address'], true), admin);
  const moved = applyEdits(text, edits);
  return isAdded ? withAdmin(moved, admin) : moved;
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
function withAdmin(text: string, address: string): string {
  const document = parseDocument(text);
  if (!document.has('admin')) return `${text.trimEnd()}\n\nadmin: { address: ${JSON.stringify(address)} }\n`;
  document.setIn(['admin', 'address'], address);
  return document.toString({ lineWidth: 0 });
}

/**
 * Writes the copy beside the original, because paths in a configuration are relative to its folder.
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
  return { file: copy, remove: () => rmSync(copy, { force: true }) };
}

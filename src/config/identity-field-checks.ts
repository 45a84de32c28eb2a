// Checks that no route repeats a header field that identities write: a variable has what the client has sent, which nobody has verified.
// The checks read the unvalidated document, so they also run when the schema rejects the file.

import type { ConfigPath } from './config-path.ts';
import { parseHeaderTemplate } from './header-template.ts';
import { parseClaimHeader } from './identity-values.ts';
import { type Finding, isFault } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';

export function findIdentityFieldProblems(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const writers = writersOf(mapOf(root.get('identities')));
  if (writers.size === 0) return [];
  return listOf(root.get('routes')).flatMap((route, index) => {
    const edits = mapOf(mapOf(mapOf(route).get('headers')).get('request'));
    return ['set', 'add'].flatMap((key) =>
      [...mapOf(edits.get(key))].flatMap(([name, value]) =>
        repeated(textOf(value) ?? '', ['routes', index, 'headers', 'request', key, name], writers),
      ),
    );
  });
}

/** The identities that write header fields, by the names of these. */
function writersOf(identities: RawMap): ReadonlyMap<string, string> {
  const writers = new Map<string, string>();
  for (const [identity, settings] of identities) {
    for (const way of mapOf(settings).values()) {
      const fields = [mapOf(way).get('subject'), ...mapOf(mapOf(way).get('claims')).values()];
      for (const field of fields) {
        const name = parseClaimHeader(textOf(field) ?? '');
        if (!isFault(name)) writers.set(name, identity);
      }
    }
  }
  return writers;
}

function repeated(text: string, path: ConfigPath, writers: ReadonlyMap<string, string>): readonly Finding[] {
  const template = parseHeaderTemplate(text);
  if (isFault(template)) return [];
  return template.flatMap((part) => {
    if (part.kind !== 'header') return [];
    const identity = writers.get(part.name);
    if (identity === undefined) return [];
    const message = `'\${header.${part.name}}' is what the client sends, and not what identity '${identity}' writes into this header`;
    const hint = `the service is sent ${part.name} itself as soon as its caller is known`;
    return [{ severity: 'error', path, at: 'value', message, hint }];
  });
}

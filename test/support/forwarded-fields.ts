// The header fields that a service receives of a call, whether they were sent in one block for all calls of a kind or apart.

import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { ForwardedFields } from '../../src/relay/forward-template.ts';

export function decodedBlock(block: Buffer): HeaderList {
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 65_536, maxFields: 200 });
  return decoder.decode(block, 0, block.length);
}

/** @returns the values by name, because the order of fields with different names means nothing */
export function receivedFields({ fields, apart, sizeBytes }: ForwardedFields): unknown {
  const behind = decodedBlock(Buffer.from(apart, 'latin1'));
  const byName = new Map<string, string[]>();
  for (const list of [fields, behind]) {
    list.names.forEach((name, index) => {
      const value = `${list.isNeverIndexed(index) ? 'never ' : ''}${list.valueAt(index)}`;
      byName.set(name, [...(byName.get(name) ?? []), value]);
    });
  }
  return { sizeBytes, fields: [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}

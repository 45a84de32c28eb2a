// The hash that keeps calls of an upstream with `balance: ring-hash` at one endpoint.

import type { HashConfig } from '../config/upstream-config.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { withoutQuery } from '../routing/routed-request.ts';
import { upperHash } from '../upstreams/balancers/xxh64.ts';
import { valueOf } from './call-kind.ts';

/** A client chooses its key, and pays with our time for each byte that is hashed. */
const MOST_KEY_BYTES = 1024;

/** @returns undefined for a call that has no such field, or whose client is not known: it may go anywhere */
export function hashOfCall(
  by: HashConfig,
  list: HeaderList,
  call: { readonly method: string; readonly clientKey: string },
): number | undefined {
  const key = keyOf(by, list, call);
  return key === undefined || key === '' ? undefined : upperHash(key.slice(0, MOST_KEY_BYTES));
}

function keyOf(
  by: HashConfig,
  list: HeaderList,
  { method, clientKey }: { readonly method: string; readonly clientKey: string },
): string | undefined {
  if (by.by === 'header') return valueOf(list, by.name);
  return by.by === 'client' ? clientKey : withoutQuery(method);
}

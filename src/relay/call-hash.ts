// The hash that keeps calls of an upstream with `balance: ring-hash` at one endpoint.

import type { HashConfig } from '../config/upstream-config.ts';
import type { HeaderSource } from '../routing/routed-request.ts';
import { withoutQuery } from '../routing/routed-request.ts';
import { upperHash } from '../upstreams/balancers/xxh64.ts';

/** A client chooses its key, and pays with our time for each byte that is hashed. */
const MOST_KEY_BYTES = 1024;

/** @returns undefined for a call that has no such field, or whose client is not known: it may go anywhere */
export function hashOfCall(
  by: HashConfig,
  list: HeaderSource,
  call: { readonly method: string; readonly clientKey: string },
): number | undefined {
  const key = keyOf(by, list, call);
  return key === undefined || key === '' ? undefined : upperHash(key.slice(0, MOST_KEY_BYTES));
}

function keyOf(
  by: HashConfig,
  list: HeaderSource,
  { method, clientKey }: { readonly method: string; readonly clientKey: string },
): string | undefined {
  if (by.by === 'header') return list.get(by.name);
  return by.by === 'client' ? clientKey : withoutQuery(method);
}

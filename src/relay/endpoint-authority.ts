// The :authority of routes with `authority: endpoint`: that of the endpoint which an attempt goes to. It stands within the block of fields that
// calls have in common, so there is a list of these fields for each endpoint, which is kept as long as the common one.

import { HeaderList } from '../h2/hpack/header-list.ts';
import type { ForwardedFields } from './forward-template.ts';

/** How many lists are kept for one common list. Endpoints may come and go while it stays. */
const MOST_KEPT = 64;

const kept = new WeakMap<HeaderList, Map<string, HeaderList>>();

/** What a call is sent by. */
export interface Forwarded extends ForwardedFields {
  readonly takesEndpointAuthority?: boolean;
}

/** @returns the fields that this endpoint is sent */
export function fieldsAt(forwarded: Forwarded, endpoint: { readonly authority: string }): ForwardedFields {
  if (forwarded.takesEndpointAuthority !== true) return forwarded;
  const { fields, apart, sizeBytes } = forwarded;
  const { authority } = endpoint;
  if (fields.get(':authority') === authority) return forwarded;
  const own = listFor(fields, authority);
  return { fields: own, apart, sizeBytes: sizeBytes + own.sizeBytes - fields.sizeBytes };
}

function listFor(fields: HeaderList, authority: string): HeaderList {
  let lists = kept.get(fields);
  if (lists === undefined) {
    lists = new Map();
    kept.set(fields, lists);
  }
  const known = lists.get(authority);
  if (known !== undefined) return known;
  if (lists.size >= MOST_KEPT) lists.clear();
  const made = replaced(fields, authority);
  lists.set(authority, made);
  return made;
}

function replaced(fields: HeaderList, authority: string): HeaderList {
  const list = new HeaderList();
  for (const [index, name] of fields.names.entries()) {
    if (name === ':authority') continue;
    list.addFrom(fields, index);
    // HTTP/1.1 requests without a host have no :authority so far.
    if (name === ':path') list.add(':authority', authority);
  }
  return list;
}

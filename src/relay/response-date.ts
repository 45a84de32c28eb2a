// Date of a response that has none: who passes a response on says when it came (RFC 9110 section 6.6.1). Not of gRPC, which
// nobody caches: there it would cost every call a header block that changes each second.

import { HeaderList } from '../h2/hpack/header-list.ts';

let second = -1;
let text = '';

/** For the field `date`, made once a second. */
export function dateOfNow(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}

const DATE_BYTES = 'date'.length + 'Thu, 01 Jan 1970 00:00:00 GMT'.length + 32;

/** Whether the client accepts the field beside the others. */
export function hasRoomForDate(
  { sizeBytes }: HeaderList,
  home: { readonly mostHeaderListBytes: number },
): boolean {
  return sizeBytes + DATE_BYTES <= home.mostHeaderListBytes;
}

/** @returns a copy, as the list may be one that other responses share */
export function withDate(list: HeaderList, date = dateOfNow()): HeaderList {
  const dated = new HeaderList();
  for (let index = 0; index < list.names.length; index++) dated.addFrom(list, index);
  dated.add('date', date);
  return dated;
}

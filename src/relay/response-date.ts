// Adds Date to a response that has none, as RFC 9110 section 6.6.1 requires of a recipient that forwards it. gRPC responses get no Date:
// they are not cached, and the header block would change every second.

import { HeaderList } from '../h2/hpack/header-list.ts';

let second = -1;
let text = '';

/** The current time as the value of `date`. The text is made once per second. */
export function dateOfNow(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}

const DATE_BYTES = 'date'.length + 'Thu, 01 Jan 1970 00:00:00 GMT'.length + 32;

/** Whether the header section stays within the client's limit with `date`. */
export function hasRoomForDate(
  { sizeBytes }: HeaderList,
  home: { readonly mostHeaderListBytes: number },
): boolean {
  return sizeBytes + DATE_BYTES <= home.mostHeaderListBytes;
}

/** @returns a copy with `date`, because other responses may share the list */
export function withDate(list: HeaderList, date = dateOfNow()): HeaderList {
  const dated = new HeaderList();
  for (let index = 0; index < list.names.length; index++) dated.addFrom(list, index);
  dated.add('date', date);
  return dated;
}

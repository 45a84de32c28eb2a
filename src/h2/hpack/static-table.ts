// The static table of HPACK (RFC 7541 appendix A), by index and by name.

/** The field with HPACK index i is at i - 1: HPACK counts from 1. */
const STATIC_FIELDS: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

export const STATIC_TABLE_LENGTH = STATIC_FIELDS.length;

/** Name and value by HPACK index, 1 to 61; index 0 is unused. */
export const STATIC_NAMES: readonly string[] = ['', ...STATIC_FIELDS.map(([name]) => name)];
export const STATIC_VALUES: readonly string[] = ['', ...STATIC_FIELDS.map(([, value]) => value)];

export interface StaticName {
  /** The lowest index with the name. */
  readonly index: number;
  readonly indexByValue: ReadonlyMap<string, number>;
}

/** The static table by name. A value is found in two look-ups, without joining strings. */
export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = indexByName();

function indexByName(): Map<string, StaticName> {
  const byName = new Map<string, { index: number; indexByValue: Map<string, number> }>();
  for (const [position, [name, value]] of STATIC_FIELDS.entries()) {
    const entry = byName.get(name) ?? { index: position + 1, indexByValue: new Map<string, number>() };
    entry.indexByValue.set(value, position + 1);
    byName.set(name, entry);
  }
  return byName;
}

// Counts the connections of clients by the gRPC library and version that their user-agent names, for the admin API. What a client sends
// is parsed to known names and short numbers, and nothing else of it is kept. However many versions clients make up, the table is bounded.

export interface ClientVersion {
  /** A library that is known here, or 'other'. */
  readonly library: string;
  /** In lower case and without a leading `v`; '' if the client names none, and 'others' for those beyond the bound. */
  readonly version: string;
  /** Connections of HTTP/2, each counted by its first request. */
  readonly connections: number;
  readonly lastAtEpochMs: number;
}

/** Of each library, so that versions that a client makes up hide none of another library. There is a row more for those without one. */
export const MOST_VERSIONS_OF_A_LIBRARY = 12;
const OTHERS = 'others';

interface MutableRow {
  readonly library: string;
  readonly version: string;
  connections: number;
  lastAtEpochMs: number;
}

export class ClientVersions {
  readonly #nowEpochMs: () => number;
  /** By library, then by version. */
  readonly #rows = new Map<string, Map<string, MutableRow>>();

  constructor(nowEpochMs: () => number = Date.now) {
    this.#nowEpochMs = nowEpochMs;
  }

  /** A connection has made its first request, whose user-agent names this product; see diagnosis/client-library.ts. */
  note({ library, version }: Pick<ClientVersion, 'library' | 'version'>): void {
    const name = library === 'unknown' ? 'other' : library;
    const rows = this.#rows.get(name) ?? new Map<string, MutableRow>();
    this.#rows.set(name, rows);
    const row = rows.get(version) ?? { library: name, version, connections: 0, lastAtEpochMs: 0 };
    rows.set(version, row);
    row.connections++;
    row.lastAtEpochMs = this.#nowEpochMs();
    bound(rows, version);
  }

  report(): readonly ClientVersion[] {
    return lastSeenFirst(this.#rows.values());
  }
}

/** @returns the rows of several processes as those of one, the last seen first */
export function mergeClientVersions(
  reports: readonly (readonly ClientVersion[])[],
): readonly ClientVersion[] {
  const merged = new Map<string, Map<string, MutableRow>>();
  for (const row of reports.flat()) {
    const { library, version } = row;
    const rows = merged.get(library) ?? new Map<string, MutableRow>();
    merged.set(library, rows);
    add(rows, version, row);
  }
  for (const rows of merged.values()) bound(rows);
  return lastSeenFirst(merged.values());
}

function lastSeenFirst(libraries: Iterable<ReadonlyMap<string, ClientVersion>>): readonly ClientVersion[] {
  return [...libraries]
    .flatMap((rows) => [...rows.values()])
    .toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs);
}

function add(
  rows: Map<string, MutableRow>,
  version: string,
  { library, connections, lastAtEpochMs }: ClientVersion,
): void {
  const row = rows.get(version) ?? { library, version, connections: 0, lastAtEpochMs: 0 };
  rows.set(version, row);
  row.connections += connections;
  row.lastAtEpochMs = Math.max(row.lastAtEpochMs, lastAtEpochMs);
}

/**
 * Adds the rows with the fewest connections to the one of the others, the longest unseen first. A version that somebody makes up for each
 * connection has one, and a real one has more.
 * @param kept the version that is never taken: a new one must have the chance to grow
 */
function bound(rows: Map<string, MutableRow>, kept?: string): void {
  while (rows.size - Number(rows.has(OTHERS)) > MOST_VERSIONS_OF_A_LIBRARY) {
    let least: MutableRow | undefined;
    for (const row of rows.values())
      if (row.version !== OTHERS && row.version !== kept && (least === undefined || isLess(row, least)))
        least = row;
    if (least === undefined) return;
    rows.delete(least.version);
    add(rows, OTHERS, least);
  }
}

function isLess(one: ClientVersion, other: ClientVersion): boolean {
  return one.connections === other.connections
    ? one.lastAtEpochMs < other.lastAtEpochMs
    : one.connections < other.connections;
}

// Counts the connections of clients by the gRPC library and version that their user-agent names, for the admin API. What a client sends
// is parsed to known names and short numbers, and nothing else of it is kept. However many versions clients make up, the table is bounded.

export interface ClientVersion {
  /** A library that is known here, or 'other'. */
  readonly library: string;
  /** As the client wrote it; '' if it names none, and 'others' for those beyond the bound. */
  readonly version: string;
  /** Connections of HTTP/2, each counted by its first request. */
  readonly connections: number;
  readonly lastAtEpochMs: number;
}

/** Of one process. There is a row more for each library, for versions that have no row of their own. */
export const MOST_CLIENT_VERSIONS = 64;
/** A row that was not seen for so long makes room for another one. */
const STALE_AFTER_MS = 3_600_000;
const OTHERS = 'others';

interface MutableRow {
  readonly library: string;
  readonly version: string;
  connections: number;
  lastAtEpochMs: number;
}

export class ClientVersions {
  readonly #nowEpochMs: () => number;
  readonly #rows = new Map<string, MutableRow>();
  readonly #others = new Map<string, MutableRow>();

  constructor(nowEpochMs: () => number = Date.now) {
    this.#nowEpochMs = nowEpochMs;
  }

  /** A connection has made its first request, whose user-agent names this product; see diagnosis/client-library.ts. */
  note({ library, version }: Pick<ClientVersion, 'library' | 'version'>): void {
    const name = library === 'unknown' ? 'other' : library;
    const row = this.#rowOf(name, version);
    row.connections++;
    row.lastAtEpochMs = this.#nowEpochMs();
  }

  #rowOf(library: string, version: string): MutableRow {
    const key = `${library} ${version}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const hasRoom = this.#rows.size < MOST_CLIENT_VERSIONS || this.#dropStale();
    const rows = hasRoom ? this.#rows : this.#others;
    const keyThere = hasRoom ? key : library;
    const row = rows.get(keyThere) ?? {
      library,
      version: hasRoom ? version : OTHERS,
      connections: 0,
      lastAtEpochMs: 0,
    };
    rows.set(keyThere, row);
    return row;
  }

  /** @returns whether there is room now */
  #dropStale(): boolean {
    const before = this.#nowEpochMs() - STALE_AFTER_MS;
    for (const [key, { lastAtEpochMs }] of this.#rows) if (lastAtEpochMs < before) this.#rows.delete(key);
    return this.#rows.size < MOST_CLIENT_VERSIONS;
  }

  report(): readonly ClientVersion[] {
    return mergeClientVersions([[...this.#rows.values(), ...this.#others.values()]]);
  }
}

/** @returns the rows of several processes as those of one, the last seen first */
export function mergeClientVersions(
  reports: readonly (readonly ClientVersion[])[],
): readonly ClientVersion[] {
  const merged = new Map<string, MutableRow>();
  for (const { library, version, connections, lastAtEpochMs } of reports.flat()) {
    const key = `${library} ${version}`;
    const row = merged.get(key);
    if (row === undefined) merged.set(key, { library, version, connections, lastAtEpochMs });
    else {
      row.connections += connections;
      row.lastAtEpochMs = Math.max(row.lastAtEpochMs, lastAtEpochMs);
    }
  }
  return [...merged.values()]
    .toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs)
    .slice(0, 2 * MOST_CLIENT_VERSIONS);
}

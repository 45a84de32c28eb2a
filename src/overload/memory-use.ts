// Measures how much memory the process really uses. Resident memory alone hardly ever falls, because the C library keeps most of
// what was freed and reuses it; judged by that, a process would refuse calls forever after one busy hour. (Measured: it grew by
// 36 MB for clients that read no responses, and 34 MB of them were still resident a minute after they had left.)

interface ProcessMemory {
  readonly rss: number;
  /** The size of V8's heap. */
  readonly heapTotal: number;
  /** Buffers and the native objects that Node accounts for, including TLS connections. */
  readonly external: number;
}

export class MemoryUse {
  readonly #ask: () => ProcessMemory;
  /** The resident memory at start beyond heap and buffers: code, libraries, the C library's own needs. */
  readonly #besideBytes: number;
  #lastBytes: number;

  /** Create this object at start, before the process holds data of clients. */
  constructor(ask: () => ProcessMemory = process.memoryUsage) {
    const { rss, heapTotal, external } = ask();
    this.#ask = ask;
    this.#besideBytes = Math.max(0, rss - heapTotal - external);
    this.#lastBytes = rss;
  }

  get usedBytes(): number {
    try {
      const { rss, heapTotal, external } = this.#ask();
      this.#lastBytes = Math.min(rss, heapTotal + external + this.#besideBytes);
    } catch {
      // Node reads a file for this and fails if no descriptor is free. The last known value is then the best answer.
    }
    return this.#lastBytes;
  }
}

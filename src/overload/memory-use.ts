// How much memory the process uses, of what it has. The C library keeps most of what was freed, and uses it again before it
// asks for more: resident memory hardly ever falls. Judged by that alone, a process would refuse calls for ever after one
// busy hour (measured: it grew by 36 MB for clients who took no responses, and 34 of them were still resident a minute after they had left).

interface ProcessMemory {
  readonly rss: number;
  /** V8's heap. */
  readonly heapTotal: number;
  /** Buffers, and what Node counts for native objects, TLS connections among them. */
  readonly external: number;
}

export class MemoryUse {
  readonly #ask: () => ProcessMemory;
  /** What was resident beside that in the beginning: code, libraries, what the C library itself needs. */
  readonly #besideBytes: number;
  #lastBytes: number;

  /** To be made before there is anything to be kept. */
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
      // Node reads a file for it. Without a descriptor to spare, what was known last has to do.
    }
    return this.#lastBytes;
  }
}

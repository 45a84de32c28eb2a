// The internals under Node's socket classes, as far as SocketHandle needs them. They are private to Node, so they are used only
// in the major versions for which they were read and tested, and each part is checked. Any other version goes through the public
// API, which costs more.

/** docs/decisions/0031 says what to check before another version is added. */
const KNOWN_MAJOR_VERSIONS: readonly number[] = [24, 26];

/** A pending write. */
export interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  /** Added by us: the handle to notify. */
  framegateHandle?: { completed(status: number): void };
  /** Only in Node 26: set when the write completed before a callback could be installed. */
  writeStatus?: number | null;
}

export interface StreamHandle {
  /** Node's own flag for whether the handle is reading. */
  reading: boolean;
  onread: (buffer: ArrayBuffer | undefined) => unknown;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): number;
  /** Node 24 takes the request. Node 26 takes null, and returns the request when one is needed. A closed handle returns undefined. */
  writeBuffer(request: WriteRequest | null, bytes: Uint8Array): number | WriteRequest | undefined;
}

export interface StreamBinding {
  /** Undefined where Node creates the request itself. */
  readonly WriteRequest: (new () => WriteRequest) | undefined;
  /** The results of the last call. */
  readonly state: Int32Array;
  readonly readBytesIndex: number;
  readonly wasAsyncIndex: number;
  readonly writeErrorIndex: number;
}

/** Undefined when this Node is not one of the known versions, or its internals differ from what is expected. */
export const STREAM_BINDING: StreamBinding | undefined = findBinding();

function findBinding(): StreamBinding | undefined {
  const major = Number.parseInt(process.versions.node, 10);
  if (!KNOWN_MAJOR_VERSIONS.includes(major)) return undefined;
  try {
    const binding: unknown = Reflect.get(process, 'binding');
    return typeof binding === 'function' ? describe(binding.call(process, 'stream_wrap')) : undefined;
  } catch {
    return undefined;
  }
}

function describe(found: unknown): StreamBinding | undefined {
  if (typeof found !== 'object' || found === null) return undefined;
  const parts = new Map<string, unknown>(Object.entries(found));
  const state = parts.get('streamBaseState');
  const WriteRequest = parts.get('WriteWrap');
  const [readBytesIndex, wasAsyncIndex, writeErrorIndex] = [
    'kReadBytesOrError',
    'kLastWriteWasAsync',
    'kLastWriteErr',
  ].map((name) => parts.get(name));
  if (!(state instanceof Int32Array) || typeof readBytesIndex !== 'number') return undefined;
  if (typeof writeErrorIndex === 'number') {
    return { WriteRequest: undefined, state, readBytesIndex, wasAsyncIndex: -1, writeErrorIndex };
  }
  if (typeof wasAsyncIndex !== 'number' || !isRequestClass(WriteRequest)) return undefined;
  return { WriteRequest, state, readBytesIndex, wasAsyncIndex, writeErrorIndex: -1 };
}

function isRequestClass(value: unknown): value is new () => WriteRequest {
  return typeof value === 'function';
}

export function isStreamHandle(value: unknown): value is StreamHandle {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['onread', 'readStart', 'readStop', 'useUserBuffer', 'writeBuffer'];
  return methods.every((name) => typeof Reflect.get(value, name) === 'function');
}

// What Node's own socket classes stand on, as far as SocketHandle needs it. Private to Node: it is looked at only in the
// major versions for which this was read and tested, piece by piece; any other goes the public way, which costs more.

/** docs/decisions/0031 says what to look at before another is added. */
const KNOWN_MAJOR_VERSIONS: readonly number[] = [24, 26];

/** A write that is under way. */
export interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  /** Ours: who is to be told. */
  framegateHandle?: { completed(status: number): void };
  /** Of Node 26: set when it was over before anybody could ask to be told. */
  writeStatus?: number | null;
}

export interface StreamHandle {
  /** Node's own note of whether it reads. */
  reading: boolean;
  onread: (octets: ArrayBuffer | undefined) => unknown;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): number;
  /** Node 24 is given the request; Node 26 is given null and returns the request when there has to be one. A closed handle returns nothing. */
  writeBuffer(request: WriteRequest | null, octets: Uint8Array): number | WriteRequest | undefined;
}

export interface StreamBinding {
  /** Undefined where Node makes the request itself. */
  readonly WriteRequest: (new () => WriteRequest) | undefined;
  /** Results of the call made last. */
  readonly state: Int32Array;
  readonly readBytesIndex: number;
  readonly wasAsyncIndex: number;
  readonly writeErrorIndex: number;
}

/** Undefined when this Node is not as expected. */
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

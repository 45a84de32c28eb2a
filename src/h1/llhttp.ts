// llhttp, which is the HTTP/1.1 parser of Node itself, compiled to WebAssembly. The package undici brings it; docs/decisions/0040 says
// why. This file is the only one that knows its memory, its callbacks and its codes.

// @ts-expect-error The package describes the types of its index only.
import program from 'undici/lib/llhttp/llhttp-wasm.js';

/** How many bytes are parsed at once: as many as one read brings. Longer input is parsed in pieces. */
const INPUT_BYTES = 65_536;
const TYPE_RESPONSE = 2;
/** Codes of llhttp: what `execute` returns, and what a callback returns to stop the parser. */
export const PARSED_ALL = 0;
const STOPPED_BY_CALLBACK = 24;
export const PAUSED = 21;
export const PAUSED_BY_UPGRADE = 22;
/** The names of errors are at most this long, in the program's memory. */
const LONGEST_TEXT = 200;

/** What the body of a message is, as `headEnds` answers. */
export const BODY_FOLLOWS = 0;
export const NO_BODY = 1;
/** Nothing of HTTP follows: the parser stops. */
export const SWITCHED = 2;
export type BodyKind = typeof BODY_FOLLOWS | typeof NO_BODY | typeof SWITCHED;

/** Called during `execute`, with positions in its chunk. They may not call `execute`, nor throw. */
export interface LlhttpCallbacks {
  /** A piece of the reason phrase. @returns whether to go on */
  reasonPiece(start: number, end: number): boolean;
  /** A piece of the name of a field. @returns whether to go on */
  namePiece(start: number, end: number): boolean;
  /** A piece of the value of a field. It may be empty. @returns whether to go on */
  valuePiece(start: number, end: number): boolean;
  headEnds(status: number): BodyKind;
  bodyPiece(start: number, end: number): void;
  /** @returns whether the parser has to stop here */
  messageEnds(): boolean;
}

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** The functions of the program that are used here. */
interface Program {
  readonly memory: Memory;
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_reset(parser: number): void;
  llhttp_execute(parser: number, data: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_errno_name(code: number): number;
  llhttp_should_keep_alive(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
}

/** WebAssembly, which the types for Node do not describe. */
interface WebAssemblyLoader {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Program };
}

/** One instance serves all parsers of the process. It is made for the first of them. */
class Engine {
  readonly program: Program;
  readonly input: number;
  /** The parser that runs now. Undefined between calls of `execute`. */
  running: LlhttpCallbacks | undefined = undefined;
  /** Where the chunk begins, as an address: positions in it are addresses without this. */
  #chunkAt = 0;
  #memory: Uint8Array;

  constructor() {
    this.program = this.#instantiate();
    this.program._initialize();
    this.input = this.program.malloc(INPUT_BYTES);
    this.#memory = new Uint8Array(this.program.memory.buffer);
  }

  /** Copies a piece of the chunk to where the program reads it. */
  load(chunk: Buffer, start: number, end: number): void {
    this.#chunkAt = this.input - start;
    this.#viewed().set(chunk.subarray(start, end), this.input);
  }

  textAt(address: number): string {
    if (address === 0) return '';
    const bytes = this.#viewed().subarray(address, address + LONGEST_TEXT);
    const end = bytes.indexOf(0);
    return Buffer.from(bytes.subarray(0, Math.max(0, end))).toString('latin1');
  }

  /** A program that grows its memory gets a new buffer, and views of the old one are empty. */
  #viewed(): Uint8Array {
    if (this.#memory.length === 0) this.#memory = new Uint8Array(this.program.memory.buffer);
    return this.#memory;
  }

  #instantiate(): Program {
    const loader: WebAssemblyLoader = Reflect.get(globalThis, 'WebAssembly');
    const bytes: Uint8Array = program;
    const imports = {
      wasm_on_message_begin: () => 0,
      wasm_on_url: () => 0,
      wasm_on_status: (_parser: number, at: number, length: number) =>
        goOn(this.running?.reasonPiece(at - this.#chunkAt, at - this.#chunkAt + length)),
      wasm_on_header_field: (_parser: number, at: number, length: number) =>
        goOn(this.running?.namePiece(at - this.#chunkAt, at - this.#chunkAt + length)),
      wasm_on_header_value: (_parser: number, at: number, length: number) =>
        goOn(this.running?.valuePiece(at - this.#chunkAt, at - this.#chunkAt + length)),
      wasm_on_headers_complete: (_parser: number, status: number) => this.running?.headEnds(status) ?? 0,
      wasm_on_body: (_parser: number, at: number, length: number) => {
        this.running?.bodyPiece(at - this.#chunkAt, at - this.#chunkAt + length);
        return 0;
      },
      wasm_on_message_complete: () => (this.running?.messageEnds() === true ? PAUSED : 0),
    };
    return new loader.Instance(new loader.Module(bytes), { env: imports }).exports;
  }
}

/** What a callback returns, by whether the parser has to go on. */
function goOn(isWanted: boolean | undefined): number {
  return isWanted === false ? STOPPED_BY_CALLBACK : 0;
}

let engine: Engine | undefined;

/** A parser of the responses on one connection. It has to be freed. */
export class Llhttp {
  /** How many bytes of the last chunk were parsed. */
  parsed = 0;
  readonly #engine: Engine;
  readonly #callbacks: LlhttpCallbacks;
  #parser: number;

  constructor(callbacks: LlhttpCallbacks) {
    engine ??= new Engine();
    this.#engine = engine;
    this.#callbacks = callbacks;
    this.#parser = engine.program.llhttp_alloc(TYPE_RESPONSE);
    if (this.#parser === 0) throw new Error('there is no memory for another parser');
  }

  /** The parser's address. All parsers share the memory, so nothing may be written for one that was freed. */
  get #live(): number {
    if (this.#parser === 0) throw new Error('the parser was freed');
    return this.#parser;
  }

  get httpVersion(): string {
    const { program: llhttp } = this.#engine;
    return `${llhttp.llhttp_get_http_major(this.#live)}.${llhttp.llhttp_get_http_minor(this.#live)}`;
  }

  /** Whether the connection can serve another request behind the message (RFC 9112 section 9.3). */
  get isPersistent(): boolean {
    return this.#engine.program.llhttp_should_keep_alive(this.#live) === 1;
  }

  /** What the parser says about the error that it has returned. */
  get errorReason(): string {
    return this.#engine.textAt(this.#engine.program.llhttp_get_error_reason(this.#live));
  }

  /** @returns the name of an error, such as 'HPE_INVALID_VERSION' */
  errorName(code: number): string {
    return this.#engine.textAt(this.#engine.program.llhttp_errno_name(code));
  }

  /** Prepares for another message. */
  reset(): void {
    this.#engine.program.llhttp_reset(this.#live);
  }

  /** @returns PARSED_ALL, PAUSED, PAUSED_BY_UPGRADE, or the code of an error; `parsed` says how far the parser has come */
  execute(chunk: Buffer): number {
    const { program: llhttp, input } = this.#engine;
    const parser = this.#live;
    this.#begin();
    try {
      for (let start = 0; start < chunk.length; start += INPUT_BYTES) {
        const end = Math.min(start + INPUT_BYTES, chunk.length);
        this.#engine.load(chunk, start, end);
        const code = llhttp.llhttp_execute(parser, input, end - start);
        if (code === PARSED_ALL) continue;
        this.parsed = start + llhttp.llhttp_get_error_pos(parser) - input;
        return code;
      }
      this.parsed = chunk.length;
      return PARSED_ALL;
    } finally {
      this.#engine.running = undefined;
    }
  }

  /** Tells the parser that nothing follows. @returns PARSED_ALL, or the code of an error when something is missing */
  finish(): number {
    const parser = this.#live;
    this.#begin();
    try {
      const code = this.#engine.program.llhttp_finish(parser);
      return code === PAUSED ? PARSED_ALL : code;
    } finally {
      this.#engine.running = undefined;
    }
  }

  /** Gives the parser's memory back. May be called twice. */
  free(): void {
    if (this.#parser !== 0) this.#engine.program.llhttp_free(this.#parser);
    this.#parser = 0;
  }

  /** The callbacks have no other way to know whose they are. */
  #begin(): void {
    if (this.#engine.running !== undefined) throw new Error('a parser runs already');
    this.#engine.running = this.#callbacks;
  }
}

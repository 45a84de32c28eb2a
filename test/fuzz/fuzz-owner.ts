// Owners of the streams of a connection under test: they answer, credit, wait and reset as chance has it, also from
// within their callbacks, and hold the connection to what it promises them.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../src/h2/stream.ts';
import { StreamState } from '../../src/h2/stream-state.ts';
import type { Random } from './random.ts';

const RESPONSE = HeaderList.of([':status', '200'], ['content-type', 'application/grpc']);
const TRAILERS = HeaderList.of(['grpc-status', '0']);
const REQUEST = HeaderList.of(
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/fuzz'],
  [':authority', 'fuzz.test'],
  ['te', 'trailers'],
);
const BODY: Buffer = Buffer.alloc(40_000, 0x62);

/** The other owners of the same connection: one may act on another's stream from within a callback. */
export interface Company {
  readonly random: Random;
  /** From the peer's GOAWAY. */
  readonly lastProcessedId: number;
  /** The peer breaks no rule, and all DATA is of patternAt(). */
  readonly isLegal: boolean;
  anyOwner(): FuzzOwner | undefined;
}

/** What a legal peer sends at an offset of a stream's content. */
export function patternAt(streamId: number, offset: number): number {
  return (streamId * 31 + offset) & 0xff;
}

export class FuzzOwner implements StreamOwner {
  readonly stream: Stream;
  readonly #company: Company;
  readonly #isServer: boolean;
  /** Bytes received and not credited yet. */
  owed = 0;
  /** Header lists as they were told, in order. */
  readonly lists: HeaderList[] = [];
  #receivedBytes = 0;
  peerEnded = false;
  localEnded = false;
  /** How it ended, when it was not by END_STREAM both ways. */
  ending = '';
  #hasSentHeaders = false;
  #left = 0;

  /** @param open gives the stream its owner, or opens one for it */
  constructor(company: Company, isServer: boolean, open: (owner: FuzzOwner) => Stream) {
    this.#company = company;
    this.#isServer = isServer;
    this.stream = open(this);
  }

  get isOver(): boolean {
    return this.ending !== '' || (this.peerEnded && this.localEnded);
  }

  onResponse(list: HeaderList, endStream: boolean): void {
    this.#told('onResponse');
    this.lists.push(list);
    if (endStream) this.peerEnded = true;
    this.#mayReact();
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#told('onData');
    this.owed += end - start;
    if (this.#company.isLegal) this.#checkContent(bytes, start, end);
    if (endStream) this.peerEnded = true;
    if (!this.#company.random.oneIn(5)) this.#credit();
    this.#mayReact();
  }

  onTrailers(list: HeaderList): void {
    this.#told('onTrailers');
    this.lists.push(list);
    this.peerEnded = true;
    this.#mayReact();
  }

  onWritable(): void {
    this.#told('onWritable');
    this.#sendRest();
    this.#mayReact();
  }

  onReset(): void {
    this.#end('onReset');
  }

  onRefused(): void {
    assert.ok(
      this.stream.id > this.#company.lastProcessedId,
      `stream ${this.stream.id} was refused by nobody`,
    );
    this.#end('onRefused');
  }

  onConnectionLost(): void {
    this.#end('onConnectionLost');
  }

  #checkContent(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at++, this.#receivedBytes++) {
      if (bytes[at] !== patternAt(this.stream.id, this.#receivedBytes))
        assert.fail(`stream ${this.stream.id}: wrong content at ${this.#receivedBytes}`);
    }
  }

  #told(what: string): void {
    assert.ok(
      !this.isOver,
      `stream ${this.stream.id}: ${what} behind its end (${this.ending || 'both sides'})`,
    );
    assert.ok(
      what === 'onWritable' || !this.peerEnded,
      `stream ${this.stream.id}: ${what} behind END_STREAM`,
    );
  }

  #end(how: string): void {
    assert.ok(
      !this.isOver,
      `stream ${this.stream.id}: ${how} behind its end (${this.ending || 'both sides'})`,
    );
    this.ending = how;
    this.#mayReact();
  }

  #mayReact(): void {
    const { random } = this.#company;
    if (random.oneIn(3)) this.act(random.below(100));
    if (random.oneIn(10)) this.#company.anyOwner()?.act(random.below(100));
  }

  request(endStream: boolean): void {
    this.#hasSentHeaders = this.stream.sendHeaders(REQUEST, endStream);
    if (endStream && this.#hasSentHeaders) this.localEnded = true;
  }

  /** @param choice below 100 */
  act(choice: number): void {
    if (this.stream.state === StreamState.CLOSED) this.#tryInVain();
    else if (choice < 4) this.#reset();
    else if (choice < 30) this.#credit();
    else if (!this.#hasSentHeaders) this.#respond(choice % 5 === 0);
    else if (choice < 50) this.#sendTrailers();
    else this.#send((choice * 397) % BODY.length);
  }

  #reset(): void {
    assert.ok(
      this.stream.reset(ErrorCode.CANCEL),
      `stream ${this.stream.id}: no reset in state ${this.stream.state}`,
    );
    this.ending = 'reset';
  }

  /** The stream is over, though its owner may be told only in a moment: whatever is asked of it is left out. */
  #tryInVain(): void {
    assert.equal(this.stream.sendHeaders(TRAILERS, true), false, 'headers on a closed stream');
    assert.equal(
      this.stream.sendData(BODY, 0, 10, true),
      10,
      'data on a closed stream is taken, and dropped',
    );
    assert.equal(this.stream.reset(ErrorCode.CANCEL), false, 'reset of a closed stream');
    this.#credit();
  }

  #credit(): void {
    const size = this.owed;
    this.owed = 0;
    this.stream.credit(size);
  }

  #respond(endStream: boolean): void {
    if (!this.#isServer || this.isOver) return;
    const sent = this.stream.sendHeaders(RESPONSE, endStream);
    assert.ok(sent, `stream ${this.stream.id}: headers refused in state ${this.stream.state}`);
    this.#hasSentHeaders = true;
    if (endStream) this.localEnded = true;
  }

  #sendTrailers(): void {
    if (this.isOver || this.localEnded || this.#left > 0) return;
    this.localEnded = this.stream.sendHeaders(TRAILERS, true);
    assert.ok(this.localEnded, `stream ${this.stream.id}: trailers refused in state ${this.stream.state}`);
  }

  #send(length: number): void {
    if (this.isOver || this.localEnded || this.#left > 0) return;
    this.#left = length;
    this.#sendRest();
  }

  #sendRest(): void {
    if (this.#left === 0 || this.localEnded || this.isOver) return;
    const endStream = this.#left % 3 === 0;
    const taken = this.stream.sendData(BODY, 0, this.#left, endStream);
    assert.ok(
      taken >= 0 && taken <= this.#left,
      `stream ${this.stream.id}: took ${taken} of ${this.#left} bytes`,
    );
    if (taken === this.#left && endStream) this.localEnded = true;
    this.#left -= taken;
  }
}

// Header lists for the fuzzer's frames: many that are right, some that are right and odd, some that break a rule.

import { HpackEncoder } from '../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { block, type Field, REQUEST_FIELDS, requestBlock, responseBlock } from '../support/frames.ts';
import type { Random } from './random.ts';

const EXTRAS: readonly (readonly Field[])[] = [
  [],
  [['te', 'trailers']],
  [['content-type', 'application/grpc']],
  [['authorization', 'Bearer 0123456789']],
  [
    ['cookie', 'a=b'],
    ['cookie', 'c=d'],
  ],
  [['x-long', 'v'.repeat(3000)]],
  [['x-binary-bin', '\x80\xff\xfe']],
  [['grpc-timeout', '5S']],
  [['x-empty', '']],
  Array.from({ length: 40 }, (_, index) => [`x-field-${index}`, String(index)] as const),
];

const WRONG: readonly (readonly Field[])[] = [
  [['X-Upper', 'case']],
  [['connection', 'close']],
  [[':status', '200']],
  [['x-value', 'a\r\nb']],
  [['', 'no name']],
  [['te', 'gzip']],
  [['content-length', 'many']],
  [
    ['content-length', '1'],
    ['content-length', '2'],
  ],
  Array.from({ length: 200 }, (_, index) => [`x-field-${index}`, '']),
  [['x-huge', 'v'.repeat(15_000)]],
  [['transfer-encoding', 'chunked']],
  [[':path', '/twice']],
];

const TRAILERS: readonly (readonly Field[])[] = [
  [['grpc-status', '0']],
  [
    ['grpc-status', '13'],
    ['grpc-message', 'a sentence'],
  ],
  [['x-checksum', '0123456789abcdef']],
];

export interface ChosenBlock {
  readonly bytes: Buffer;
  /** The fields, one a line. */
  readonly text: string;
  /** -1 when the list names none. */
  readonly contentLength: number;
}

/** Blocks as one peer sends them: its encoder's table goes on from block to block. */
export class HeaderBlocks {
  readonly #random: Random;
  readonly #encoder = new HpackEncoder();

  constructor(random: Random) {
    this.#random = random;
  }

  request(): ChosenBlock {
    const contentLength = this.#contentLength();
    const fields = this.#with(contentLength, this.#random.pick(EXTRAS));
    const method = this.#random.oneIn(8) ? 'GET' : 'POST';
    return this.#chosen([[':method', method], ...REQUEST_FIELDS.slice(1), ...fields], contentLength);
  }

  response(): ChosenBlock {
    const contentLength = this.#contentLength();
    const status = this.#random.oneIn(6) ? this.#random.pick(['404', '500', '302']) : '200';
    const fields = this.#with(
      contentLength,
      this.#random.pick(EXTRAS).filter(([name]) => name !== 'te'),
    );
    return this.#chosen([[':status', status], ...fields], contentLength);
  }

  interim(): ChosenBlock {
    return this.#chosen([[':status', this.#random.pick(['100', '103'])]]);
  }

  trailers(): ChosenBlock {
    return this.#chosen(this.#random.pick(TRAILERS));
  }

  /** Breaks a rule of RFC 9113 section 8, or is no header block at all. */
  wrong(isRequest: boolean): Buffer {
    const random = this.#random;
    if (random.oneIn(3)) return random.bytes(random.below(60));
    const fields = random.pick(WRONG);
    if (random.oneIn(6)) return block(...fields);
    return isRequest ? requestBlock(...fields) : responseBlock('200', ...fields);
  }

  #contentLength(): number {
    return this.#random.oneIn(5) ? this.#random.below(3000) : -1;
  }

  #with(contentLength: number, fields: readonly Field[]): readonly Field[] {
    return contentLength === -1 ? fields : [...fields, ['content-length', String(contentLength)]];
  }

  #chosen(fields: readonly Field[], contentLength = -1): ChosenBlock {
    const text = fields.map(([name, value]) => `${name}: ${value}`).join('\n');
    return { bytes: this.#encoded(fields), text, contentLength };
  }

  #encoded(fields: readonly Field[]): Buffer {
    if (this.#random.oneIn(3)) return block(...fields);
    const { bytes, length } = this.#encoder.encode(HeaderList.of(...fields));
    return Buffer.from(bytes.subarray(0, length));
  }
}

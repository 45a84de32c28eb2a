// Reads what a rate limit service has answered: envoy.service.ratelimit.v3.RateLimitResponse. Whatever the bytes are, nothing is thrown,
// and an answer that is not understood as a whole is none.

import { eachField } from '../../grpc/protobuf-fields.ts';
import { type FieldOption, MOST_FIELDS, readHeaderValue } from '../answered-fields.ts';

export interface LimitVerdict {
  readonly isOverLimit: boolean;
  readonly responseFields: readonly FieldOption[];
  readonly requestFields: readonly FieldOption[];
  readonly body: Buffer;
  /** Of the descriptor that is over its limit for the longest time. Undefined if there is none that says so. */
  readonly exceeded: Exceeded | undefined;
}

export interface Exceeded {
  /** How long until the limit lets calls pass again, from 1 to MOST_WAIT_MS. Undefined if the answer does not say. */
  readonly waitMs: number | undefined;
  /** Such as '3 each second'. '' if the answer does not say. */
  readonly rate: string;
}

/** Values of RateLimitResponse.Code. */
const OK = 1;
const OVER_LIMIT = 2;

/** Values of RateLimitResponse.RateLimit.Unit. */
const UNITS: readonly string[] = ['', 'second', 'minute', 'hour', 'day', 'month', 'year', 'week'];

/** What grpc-retry-pushback-ms can say: 31 bits. */
const MOST_WAIT_MS = 2 ** 31 - 1;
/** Some years. Numbers beyond are negative ones, or nonsense. */
const MOST_SECONDS = 1e9;
const MOST_REQUESTS = 2 ** 32 - 1;
const NANOSECONDS = 1e9;

const EMPTY: Buffer = Buffer.alloc(0);

/** @returns what the answer says, or why it says nothing, as the end of a sentence */
export function readLimitResponse(message: Buffer): LimitVerdict | string {
  const found = new Found();
  return found.read(message) ? found.verdict() : 'an answer that is no RateLimitResponse';
}

class Found {
  #code = 0;
  #body: Buffer = EMPTY;
  #exceeded: Exceeded | undefined = undefined;
  readonly #response: FieldOption[] = [];
  readonly #request: FieldOption[] = [];

  /** RateLimitResponse: overall_code 1, statuses 2, response_headers_to_add 3, request_headers_to_add 4, raw_body 5. */
  read(message: Buffer): boolean {
    return eachField(message, (field, value) => {
      if (typeof value === 'number') {
        if (field === 1) this.#code = value;
        return true;
      }
      if (field === 2) return this.#readStatus(value);
      if (field === 3) return this.#readField(value, this.#response);
      if (field === 4) return this.#readField(value, this.#request);
      if (field === 5) this.#body = value;
      return true;
    });
  }

  /** DescriptorStatus: code 1, current_limit 2, duration_until_reset 4. */
  #readStatus(message: Buffer): boolean {
    let [code, rate, waitMs] = [0, '', undefined as number | undefined];
    const isRead = eachField(message, (field, value) => {
      if (field === 1 && typeof value === 'number') code = value;
      if (typeof value === 'number') return true;
      const text = field === 2 ? readRate(value) : '';
      if (text === undefined) return false;
      if (field === 2) rate = text;
      const wait = field === 4 ? readDuration(value) : 0;
      if (wait === undefined) return false;
      if (field === 4) waitMs = wait === 0 ? undefined : wait;
      return true;
    });
    if (isRead && code === OVER_LIMIT && (waitMs ?? 0) >= (this.#exceeded?.waitMs ?? 0))
      this.#exceeded = { waitMs, rate };
    return isRead;
  }

  /** What a service says of a call takes the place of what the client or the upstream says, and does not stand beside it. */
  #readField(message: Buffer, options: FieldOption[]): boolean {
    const header = readHeaderValue(message);
    if (header === undefined || this.#request.length + this.#response.length >= MOST_FIELDS) return false;
    const isThere = options.some(({ name }) => name === header.name);
    options.push({ ...header, action: isThere ? 'add' : 'set' });
    return true;
  }

  verdict(): LimitVerdict | string {
    if (this.#code !== OK && this.#code !== OVER_LIMIT)
      return 'an answer that says neither OK nor OVER_LIMIT';
    return {
      isOverLimit: this.#code === OVER_LIMIT,
      responseFields: this.#response,
      requestFields: this.#request,
      body: this.#body,
      exceeded: this.#exceeded,
    };
  }
}

/** RateLimit: requests_per_unit 1, unit 2. @returns undefined if the bytes are no message */
function readRate(message: Buffer): string | undefined {
  let [count, unit] = [0, 0];
  const isRead = eachField(message, (field, value) => {
    if (field === 1 && typeof value === 'number') count = value;
    if (field === 2 && typeof value === 'number') unit = value;
    return true;
  });
  if (!isRead) return undefined;
  const period = UNITS[unit] ?? '';
  return period === '' || count > MOST_REQUESTS ? '' : `${count} each ${period}`;
}

/** Duration: seconds 1, nanos 2. @returns milliseconds, 0 if it makes no sense, or undefined if the bytes are no message */
function readDuration(message: Buffer): number | undefined {
  let [seconds, nanos] = [0, 0];
  const isRead = eachField(message, (field, value) => {
    if (field === 1 && typeof value === 'number') seconds = value;
    if (field === 2 && typeof value === 'number') nanos = value;
    return true;
  });
  if (!isRead) return undefined;
  if (seconds > MOST_SECONDS || nanos >= NANOSECONDS) return 0;
  return Math.min(MOST_WAIT_MS, Math.ceil(seconds * 1000 + nanos / 1e6));
}

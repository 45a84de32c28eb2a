// Writes what a rate limit service is told of a call: envoy.service.ratelimit.v3.RateLimitRequest, by the field numbers of the protocol.

import type { AdmittedCall } from '../../calls/policy.ts';
import type { DescriptorValue, LimitServiceConfig } from '../../config/limits-config.ts';
import { ProtobufWriter } from '../../grpc/protobuf-writer.ts';
import type { HeaderList } from '../../h2/hpack/header-list.ts';
import { boundedKey } from '../../limits/limit-key.ts';

/** Fields of RateLimitRequest. */
const DOMAIN = 1;
const DESCRIPTORS = 2;
/** Of RateLimitDescriptor. */
const ENTRIES = 1;
/** Of an entry. */
const KEY = 1;
const VALUE = 2;

/** For calls of which a trusted peer says nothing that is an address. */
const UNKNOWN_CLIENT = 'unknown';

/** @returns the value for a call, or undefined if it has none */
type ValueOf = (call: AskedCall) => string | undefined;

/** A call, with the header fields that the service would be sent: made once for all descriptors. */
class AskedCall {
  readonly call: AdmittedCall;
  #fields: HeaderList | undefined = undefined;

  constructor(call: AdmittedCall) {
    this.call = call;
  }

  /** Several fields of one name are one list (RFC 9110 section 5.3). */
  header(name: string): string | undefined {
    this.#fields ??= this.call.presentedFields();
    const fields = this.#fields;
    let joined: string | undefined;
    fields.names.forEach((one, index) => {
      if (one !== name) return;
      joined = joined === undefined ? fields.valueAt(index) : `${joined},${fields.valueAt(index)}`;
    });
    // Bytes that are no UTF-8 are replaced: a receiver would refuse the whole message, so that a client could keep it from being counted.
    return joined === undefined ? undefined : Buffer.from(joined, 'latin1').toString('utf8');
  }
}

/** @returns what the service is asked about a call, or undefined if no descriptor applies to it */
export type LimitRequest = (call: AdmittedCall) => Buffer | undefined;

export function compileLimitRequest({ domain, descriptors }: LimitServiceConfig): LimitRequest {
  const beginning = new ProtobufWriter().text(DOMAIN, domain).bytes;
  const compiled = descriptors.map((descriptor) => Array.from(descriptor, compileEntry));
  return (call) => {
    const asked = new AskedCall(call);
    const request = new ProtobufWriter().written(beginning);
    let isEmpty = true;
    for (const entries of compiled) {
      const descriptor = writeDescriptor(entries, asked);
      if (descriptor === undefined) continue;
      request.message(DESCRIPTORS, descriptor);
      isEmpty = false;
    }
    return isEmpty ? undefined : Buffer.from(request.bytes);
  };
}

/** A field of a descriptor. What is the same in all calls is written once. */
type Entry = { readonly whole: Buffer } | { readonly key: Buffer; readonly of: ValueOf };

function compileEntry([name, value]: readonly [string, DescriptorValue]): Entry {
  const key = new ProtobufWriter().text(KEY, name);
  if (value.kind !== 'text') return { key: key.bytes, of: valueOf(value) };
  return { whole: new ProtobufWriter().message(ENTRIES, key.text(VALUE, value.text)).bytes };
}

/** @returns undefined if the call lacks one of the values */
function writeDescriptor(entries: readonly Entry[], call: AskedCall): ProtobufWriter | undefined {
  const descriptor = new ProtobufWriter();
  for (const entry of entries) {
    if ('whole' in entry) {
      descriptor.written(entry.whole);
      continue;
    }
    const value = entry.of(call);
    if (value === undefined) return undefined;
    descriptor.message(ENTRIES, new ProtobufWriter().written(entry.key).text(VALUE, value));
  }
  return descriptor;
}

function valueOf(value: Exclude<DescriptorValue, { readonly kind: 'text' }>): ValueOf {
  switch (value.kind) {
    case 'client':
      return ({ call }) => clientOf(call);
    case 'identity':
      return ({ call }) => boundedKey(identityOf(call));
    case 'route':
      return ({ call }) => call.subject.route;
    case 'method':
      return ({ call }) => boundedKey(pathOf(call.subject.method));
    case 'header':
      return (call) => {
        const text = call.header(value.name);
        return text === undefined ? undefined : boundedKey(text);
      };
    default:
      return value satisfies never;
  }
}

/** A client without an address of its own is still counted. */
function clientOf({ subject, clientAddress }: AdmittedCall): string {
  return subject.clientKey || clientAddress || UNKNOWN_CLIENT;
}

/** The name of the identity, a colon, and who it is. Without an identity, the client is counted by its address. */
function identityOf(call: AdmittedCall): string {
  const { callerKey } = call;
  if (callerKey === undefined) return clientOf(call);
  const end = callerKey.indexOf('\n');
  const identity = callerKey.slice(0, end).replaceAll(':', '%3A');
  const subject = callerKey.slice(end + 1);
  return subject === '' ? identity : `${identity}:${subject}`;
}

function pathOf(target: string): string {
  return Buffer.from(target.split('?', 1)[0], 'latin1').toString('utf8');
}

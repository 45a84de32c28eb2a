// What a rate limit service is asked, read back field by field.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmittedCall } from '../../../src/calls/policy.ts';
import type { DescriptorValue } from '../../../src/config/limits-config.ts';
import { LENGTH_DELIMITED, ProtobufReader } from '../../../src/grpc/protobuf-reader.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { compileLimitRequest, type LimitRequest } from '../../../src/policies/limit-service/limit-request.ts';
import { standIn } from '../../support/stand-in.ts';

function call(route: string, fields: Readonly<Record<string, string>> = {}): AdmittedCall {
  return standIn<AdmittedCall>({
    subject: standIn<AdmittedCall['subject']>({ route, clientKey: '192.0.2.1', method: '/a.B/C?x' }),
    presentedFields: () => HeaderList.of(...Object.entries(fields)),
    callerKey: undefined,
  });
}

/** The fields of a message, all of which are length-delimited. */
function fieldsOf(bytes: Buffer): readonly (readonly [number, Buffer])[] {
  const reader = new ProtobufReader(bytes);
  const fields: (readonly [number, Buffer])[] = [];
  while (!reader.isAtEnd) {
    const tag = reader.readVarint() ?? 0;
    const value = reader.readBytes();
    assert.ok(value !== undefined && tag % 8 === LENGTH_DELIMITED);
    fields.push([Math.floor(tag / 8), value]);
  }
  return fields;
}

/** The domain, and the descriptors as lists of 'key=value'. */
function readRequest(bytes: Buffer | undefined): unknown {
  assert.ok(bytes !== undefined);
  const fields = fieldsOf(bytes);
  const descriptors = fields.filter(([number]) => number === 2).map(([, descriptor]) => fieldsOf(descriptor));
  return [
    fields.filter(([number]) => number === 1).map(([, text]) => text.toString()),
    ...descriptors.map((entries) =>
      entries.map(([, entry]) =>
        fieldsOf(entry)
          .map(([number, text]) => `${number}:${text.toString()}`)
          .join(' '),
      ),
    ),
  ];
}

function requestOf(...descriptors: readonly Readonly<Record<string, DescriptorValue>>[]): LimitRequest {
  return compileLimitRequest({
    kind: 'service',
    service: 'limits',
    domain: 'voice',
    descriptors: descriptors.map((descriptor) => new Map(Object.entries(descriptor))),
    timeoutMs: 20,
    failure: 'open',
  });
}

test('what is the same in all calls stands beside what each call says, in the order of the configuration', () => {
  const request = requestOf(
    { stage: { kind: 'text', text: 'prod' }, way: { kind: 'route' }, unset: { kind: 'text', text: '' } },
    { all: { kind: 'text', text: 'é'.repeat(100) } },
  );
  for (const route of ['one', 'x'.repeat(300), 'two'])
    assert.deepEqual(readRequest(request(call(route))), [
      ['voice'],
      ['1:stage 2:prod', `1:way 2:${route}`, '1:unset'],
      [`1:all 2:${'é'.repeat(100)}`],
    ]);
});

test('a descriptor of which a call lacks a value is left out, and a call without any is not asked about', () => {
  const tenant: DescriptorValue = { kind: 'header', name: 'x-tenant' };
  const request = requestOf(
    { stage: { kind: 'text', text: 'prod' }, tenant },
    { path: { kind: 'method' }, client: { kind: 'client' }, tenant },
  );
  assert.equal(request(call('one')), undefined);
  assert.deepEqual(readRequest(request(call('one', { 'x-tenant': 'blue' }))), [
    ['voice'],
    ['1:stage 2:prod', '1:tenant 2:blue'],
    ['1:path 2:/a.B/C', '1:client 2:192.0.2.1', '1:tenant 2:blue'],
  ]);
});

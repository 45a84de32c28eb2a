// The content types of gRPC-Web against those of native gRPC, as clients and services write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  nativeContentType,
  parseGrpcWebType,
  wantsText,
  webContentType,
} from '../../src/grpc/grpc-web-content-type.ts';

const TYPES: readonly (readonly [contentType: string, isText: boolean, suffix: string, native: string])[] = [
  ['application/grpc-web', false, '', 'application/grpc'],
  ['application/grpc-web+proto', false, '+proto', 'application/grpc+proto'],
  ['application/grpc-web+json', false, '+json', 'application/grpc+json'],
  ['application/grpc-web-text', true, '', 'application/grpc'],
  ['application/grpc-web-text+proto', true, '+proto', 'application/grpc+proto'],
  ['application/grpc-web-text-base64', true, '', 'application/grpc'],
  ['Application/GRPC-Web-Text; charset=UTF-8', true, '', 'application/grpc'],
  ['application/grpc-web+proto ;x=y', false, '+proto', 'application/grpc+proto'],
];

for (const [contentType, isText, suffix, native] of TYPES) {
  test(`${contentType} is gRPC-Web, and ${native} for the service`, () => {
    const type = parseGrpcWebType(contentType);
    assert.deepEqual(type, { isText, suffix });
    assert.equal(type && nativeContentType(type), native);
  });
}

test('other content types are not gRPC-Web', () => {
  const others = [
    undefined,
    '',
    'application/grpc',
    'application/grpc+proto',
    'application/grpc-webby',
    'application/grpc-web-texts',
    'application/grpc-web+',
    'text/application/grpc-web',
    'application/json',
  ];
  for (const contentType of others) assert.equal(parseGrpcWebType(contentType), undefined, contentType);
});

test('a response has the suffix of the service, or that of the request where the service gave none', () => {
  assert.equal(webContentType('application/grpc+proto', false, ''), 'application/grpc-web+proto');
  assert.equal(webContentType('application/grpc', false, '+json'), 'application/grpc-web+json');
  assert.equal(webContentType('application/grpc', true, ''), 'application/grpc-web-text');
  assert.equal(webContentType(undefined, true, '+proto'), 'application/grpc-web-text+proto');
});

test('the response is text where Accept asks for it, or the request is and Accept asks for nothing else', () => {
  assert.equal(wantsText('application/grpc-web-text', false), true);
  assert.equal(wantsText('text/html, application/grpc-web-text+proto', false), true);
  assert.equal(wantsText(undefined, true), true);
  assert.equal(wantsText('*/*', true), true);
  assert.equal(wantsText('application/grpc-web+proto', true), false);
  assert.equal(wantsText(undefined, false), false);
  assert.equal(wantsText('*/*', false), false);
});

// Answers that a proxy makes itself: each HTTP status has a cause and a remedy of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallAnswer, CallResponse } from '../../src/doctor/grpc-call.ts';
import { explainAnswer, isOfPathAlone } from '../../src/doctor/proxy-answer.ts';

type Response = CallResponse & Pick<CallAnswer, 'headerNames'>;

function response(changes: Partial<Response>): Response {
  return {
    httpStatus: 200,
    contentType: 'text/html',
    server: 'nginx/1.22.1',
    grpcStatus: '',
    grpcMessage: '',
    headerNames: [],
    ...changes,
  };
}

for (const [httpStatus, does, remedy] of [
  [301, 'redirects the call', /address that it redirects to/],
  [400, 'finds the request malformed', /ssl_verify_client/],
  [401, 'asks for credentials', /auth_basic/],
  [403, 'forbids the call', /allow and deny/],
  [404, 'has no way for the path', /location \^~/],
  [405, 'does not take POST', /location \^~/],
  [413, 'refuses the request for its size', /client_max_body_size/],
  [415, 'does not take the content type application/grpc', /grpc_pass/],
  [429, 'limits how many calls', /limit_req_status/],
  [502, 'cannot reach the service', /grpcs:\/\//],
  [503, 'refuses calls for now', /limit_req/],
  [504, 'got no answer of the service in time', /grpc_read_timeout/],
] as const) {
  test(`HTTP ${httpStatus} of a proxy has its own remedy, and names the path`, () => {
    const finding = explainAnswer(response({ httpStatus }), '/a.B/C', 'https://a.example');
    assert.equal(finding?.verdict, 'failed');
    const begin = `nginx/1.22.1 at https://a.example answers /a.B/C itself: HTTP ${httpStatus}, an HTML page; it `;
    assert.ok(finding.text.startsWith(`${begin}${does}`), finding.text);
    assert.match(finding.remedy ?? '', remedy);
  });
}

test('an answer of a service is not explained as one of a proxy', () => {
  const ofService = response({ grpcStatus: 'UNAVAILABLE', grpcMessage: 'busy' });
  assert.equal(explainAnswer(ofService, '/a.B/C', 'a:1'), undefined);
  assert.equal(explainAnswer(response({ httpStatus: 0 }), '/a.B/C', 'a:1'), undefined);
});

test('a page with HTTP 200 is not gRPC either', () => {
  const finding = explainAnswer(response({ contentType: 'application/json', server: '' }), '/a.B/C', 'a:1');
  assert.equal(
    finding?.text,
    'the proxy at a:1 answers /a.B/C itself: HTTP 200, application/json; no gRPC service was asked',
  );
});

test('a fault behind the proxy is never put down to the path', () => {
  assert.ok(isOfPathAlone(response({ httpStatus: 403 })));
  assert.ok(!isOfPathAlone(response({ httpStatus: 502 })));
  assert.ok(!isOfPathAlone(response({ grpcStatus: 'UNIMPLEMENTED' })));
  const lost = { grpcStatus: 'UNAVAILABLE', grpcMessage: '127.0.0.1:1 refused the connection. (FG2001)' };
  assert.ok(!isOfPathAlone(response(lost)));
});

test('a path that Framegate or Envoy has no route for is told from a method that a service does not have', () => {
  const unimplemented = { grpcStatus: 'UNIMPLEMENTED' };
  assert.ok(isOfPathAlone(response({ ...unimplemented, grpcMessage: 'No route takes it. (FG3001)' })));
  assert.ok(!isOfPathAlone(response({ ...unimplemented, grpcMessage: 'unknown service a.B' })));
  const ofEnvoy = { ...unimplemented, server: 'envoy' };
  assert.ok(isOfPathAlone(response(ofEnvoy)));
  // Envoy adds the time of the service to what it relays.
  assert.ok(!isOfPathAlone(response({ ...ofEnvoy, headerNames: ['x-envoy-upstream-service-time'] })));
  assert.ok(!isOfPathAlone(response({ ...ofEnvoy, grpcMessage: 'Method not found!' })));
});

test('what a Framegate answers itself is never told as an answer of a service, and has its code', () => {
  const told = response({ grpcStatus: 'UNAVAILABLE', grpcMessage: 'The proxy is draining. (FG3006)' });
  const finding = explainAnswer(told, '/a.B/C', 'a:1');
  assert.equal(finding?.verdict, 'failed');
  assert.equal(finding.token, 'draining');
  assert.match(finding.text, /a Framegate at a:1, or behind it, answers \/a\.B\/C itself: UNAVAILABLE/);
  // No code of the catalogue.
  const odd = response({ grpcStatus: 'UNAVAILABLE', grpcMessage: 'see (FG9999)' });
  assert.equal(explainAnswer(odd, '/a.B/C', 'a:1'), undefined);
});

// RFC 9113 section 8: HTTP messages over frames: order of sections, content-length, malformed messages.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const REQUEST = frames.requestBlock();
const TRAILERS = frames.block(['grpc-status', '0']);

/** A client that has sent a request on stream 1. */
function asked(fields: readonly frames.Field[] = []): Endpoint {
  const client = opened('client');
  client.requests({ endStream: true, fields });
  return client.clears();
}

function contentLength(length: number | string): frames.Field {
  return ['content-length', String(length)];
}

describe('8.1 order of a message', () => {
  test('headers, data, trailers', () => {
    const client = asked().receives(
      frames.headers(1, frames.responseBlock()),
      frames.data(1, 'abc'),
      frames.headers(1, TRAILERS, { endStream: true }),
    );
    client.accepts().tells('response 1 :status=200', 'data 1 "abc"', 'trailers 1 grpc-status=0');
  });

  test('Trailers-Only is one HEADERS frame and stays a response', () => {
    const client = asked().receives(
      frames.headers(1, frames.responseBlock('200', ['grpc-status', '5']), { endStream: true }),
    );
    client.accepts().tells('response 1 :status=200 grpc-status=5 end');
  });

  test('interim responses come before the final one', () => {
    const client = asked().receives(
      frames.headers(1, frames.responseBlock('103', ['link', 'x'])),
      frames.headers(1, frames.responseBlock('100')),
      frames.headers(1, frames.responseBlock('200'), { endStream: true }),
    );
    client
      .accepts()
      .tells('response 1 :status=103 link=x', 'response 1 :status=100', 'response 1 :status=200 end');
  });

  test('interim_response_ends: an interim response with END_STREAM', () => {
    asked()
      .receives(frames.headers(1, frames.responseBlock('103'), { endStream: true }))
      .failsStream(1, 'interim_response_ends', 'PROTOCOL_ERROR');
  });

  test('too_many_interim_responses: the eleventh', () => {
    const client = asked();
    for (let count = 0; count < 10; count++) client.receives(frames.headers(1, frames.responseBlock('103')));
    client.accepts().receives(frames.headers(1, frames.responseBlock('103')));
    client.failsStream(1, 'too_many_interim_responses', 'ENHANCE_YOUR_CALM');
  });

  test('trailers_without_end: a second block without END_STREAM, in both roles', () => {
    asked()
      .receives(frames.headers(1, frames.responseBlock()), frames.headers(1, TRAILERS))
      .failsStream(1, 'trailers_without_end', 'PROTOCOL_ERROR');
    opened('server')
      .receives(frames.headers(1, REQUEST), frames.headers(1, TRAILERS))
      .failsStream(1, 'trailers_without_end', 'PROTOCOL_ERROR');
  });

  test('pseudo_unexpected: pseudo-header fields in trailers', () => {
    asked()
      .receives(
        frames.headers(1, frames.responseBlock()),
        frames.headers(1, frames.responseBlock(), { endStream: true }),
      )
      .failsStream(1, 'pseudo_unexpected', 'PROTOCOL_ERROR');
  });

  test('data_before_headers: DATA before the response, or behind an interim one', () => {
    asked().receives(frames.data(1, 'x')).failsStream(1, 'data_before_headers', 'PROTOCOL_ERROR');
    asked()
      .receives(frames.headers(1, frames.responseBlock('103')), frames.data(1, 'x'))
      .failsStream(1, 'data_before_headers', 'PROTOCOL_ERROR');
  });

  test('an early response leaves the request going, and RST_STREAM(NO_ERROR) behind it is told', () => {
    const client = opened('client');
    client.requests();
    client.clears();
    client.receives(frames.headers(1, frames.responseBlock(), { endStream: true }));
    client.tells('response 1 :status=200 end');
    client.sends(1, 'more');
    client.wants('DATA stream=1 length=4');
    client.receives(frames.resetStream(1, 0)).accepts().tells('reset 1 NO_ERROR');
  });
});

describe('8.1.1 malformed messages and content-length', () => {
  test('a malformed request is reset and never told to the handler', () => {
    const server = opened('server');
    server.receives(frames.headers(1, frames.block([':method', 'GET']), { endStream: true }));
    server.tells('violation request_scheme_missing');
    server.failsStream(1, 'request_scheme_missing', 'PROTOCOL_ERROR');
  });

  test('a malformed response is told to the owner as a reset, with the violation', () => {
    const client = asked().receives(frames.headers(1, frames.block(['x', 'y'])));
    client.tells('reset 1 PROTOCOL_ERROR response_status_missing', 'violation response_status_missing');
    client.failsStream(1, 'response_status_missing', 'PROTOCOL_ERROR');
  });

  const bodies: readonly (readonly [name: string, length: number, pieces: readonly string[]])[] = [
    ['more DATA than announced', 3, ['abcd']],
    ['more DATA than announced, in pieces', 3, ['ab', 'cd']],
    ['less DATA than announced', 5, ['abcd']],
    ['no byte of those announced', 1, ['']],
  ];
  for (const [name, length, pieces] of bodies) {
    test(`content_length_mismatch: ${name}, in requests and responses`, () => {
      const body = pieces.map((piece, index) =>
        frames.data(1, piece, { endStream: index === pieces.length - 1 }),
      );
      opened('server')
        .receives(frames.headers(1, frames.requestBlock(contentLength(length))), ...body)
        .failsStream(1, 'content_length_mismatch', 'PROTOCOL_ERROR');
      asked()
        .receives(frames.headers(1, frames.responseBlock('200', contentLength(length))), ...body)
        .failsStream(1, 'content_length_mismatch', 'PROTOCOL_ERROR');
    });
  }

  test('content_length_mismatch: trailers before all bytes came', () => {
    opened('server')
      .receives(
        frames.headers(1, frames.requestBlock(contentLength(2))),
        frames.data(1, 'a'),
        frames.headers(1, TRAILERS, { endStream: true }),
      )
      .failsStream(1, 'content_length_mismatch', 'PROTOCOL_ERROR');
  });

  test('content_length_mismatch: a request that ends with its headers', () => {
    opened('server')
      .receives(frames.headers(1, frames.requestBlock(contentLength(1)), { endStream: true }))
      .failsStream(1, 'content_length_mismatch', 'PROTOCOL_ERROR');
  });

  test('DATA that adds up is taken; padding does not count', () => {
    opened('server')
      .receives(
        frames.headers(1, frames.requestBlock(contentLength(4))),
        frames.data(1, 'ab', { padding: 9 }),
        frames.data(1, 'cd'),
        frames.data(1, '', { padding: 3, endStream: true }),
      )
      .accepts();
  });

  test('an empty request may say so', () => {
    opened('server')
      .receives(frames.headers(1, frames.requestBlock(contentLength(0)), { endStream: true }))
      .accepts();
  });

  test('a response without content may name a length when it ends with its headers', () => {
    asked()
      .receives(frames.headers(1, frames.responseBlock('304', contentLength(10)), { endStream: true }))
      .accepts();
  });

  for (const status of ['204', '304']) {
    test(`a ${status} may name a length and end with empty DATA`, () => {
      asked()
        .receives(
          frames.headers(1, frames.responseBlock(status, contentLength(10))),
          frames.data(1, '', { endStream: true }),
        )
        .accepts();
    });
  }

  test('an answer to HEAD may name a length and end with empty DATA', () => {
    const client = opened('client');
    client.requests({ endStream: true, method: 'HEAD' });
    client
      .receives(
        frames.headers(1, frames.responseBlock('200', contentLength(10))),
        frames.data(1, '', { endStream: true }),
      )
      .accepts();
  });

  for (const [what, method, status] of [
    ['an answer to HEAD', 'HEAD', '200'],
    ['a 204', 'GET', '204'],
    ['a 304', 'GET', '304'],
  ] as const) {
    test(`response_content_forbidden: ${what} has no content, whatever length it names`, () => {
      for (const length of [[], [contentLength(2)]]) {
        const client = opened('client');
        client.requests({ endStream: true, method });
        client
          .clears()
          .receives(
            frames.headers(1, frames.responseBlock(status, ...length)),
            frames.data(1, 'ab', { endStream: true }),
          )
          .failsStream(1, 'response_content_forbidden', 'PROTOCOL_ERROR');
      }
    });
  }

  test('content_length_mismatch: a response that names a length and ends with its header fields', () => {
    asked()
      .receives(frames.headers(1, frames.responseBlock('200', contentLength(10)), { endStream: true }))
      .failsStream(1, 'content_length_mismatch', 'PROTOCOL_ERROR');
  });

  test('the length in an interim response is not the length of the final one', () => {
    asked()
      .receives(
        frames.headers(1, frames.responseBlock('103', contentLength(9))),
        frames.headers(1, frames.responseBlock()),
        frames.data(1, 'ab', { endStream: true }),
      )
      .accepts();
  });
});

describe('10.5.1 limits of field sections', () => {
  const large: frames.Field = ['x-large', 'y'.repeat(5_000)];

  test('a request above the announced list size is told to the handler, to be answered', () => {
    const server = opened('server', { maxHeaderListBytes: 4_096 });
    let overflowedAt: string | undefined;
    server.reactions.onRequest = (_stream, list) => {
      ({ overflowedAt } = list);
    };
    server.receives(frames.headers(1, frames.requestBlock(large), { endStream: true })).accepts();
    server.tells('request 1 :method=POST :scheme=https :path=/a.B/C :authority=example.test end');
    assert.equal(overflowedAt, 'x-large');
  });

  test('response_headers_too_large', () => {
    const client = opened('client', { maxHeaderListBytes: 4_096 });
    client.requests({ endStream: true });
    client
      .receives(frames.headers(1, frames.responseBlock('200', large)))
      .failsStream(1, 'response_headers_too_large', 'ENHANCE_YOUR_CALM');
  });

  test('trailers_too_large', () => {
    const client = opened('client', { maxHeaderListBytes: 4_096 });
    client.requests({ endStream: true });
    client
      .receives(
        frames.headers(1, frames.responseBlock()),
        frames.headers(1, frames.block(large), { endStream: true }),
      )
      .failsStream(1, 'trailers_too_large', 'ENHANCE_YOUR_CALM');
  });

  test('too many fields are above the limit as well', () => {
    const client = opened('client', { maxHeaderFields: 10 });
    client.requests({ endStream: true });
    const fields = Array.from({ length: 10 }, (_, index) => [`x-${index}`, ''] as const);
    client
      .receives(frames.headers(1, frames.responseBlock('200', ...fields)))
      .failsStream(1, 'response_headers_too_large', 'ENHANCE_YOUR_CALM');
  });
});
